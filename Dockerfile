# The registry's container image. Two ways to make it:
#
#   docker build -t wharf .     compiles inside the build: needs docker and a network, nothing else
#   cargo xtask image           puts the binary that cargo builds outside on the base: no network once the base is here
#
# The binary is static, so BASE may be any image with a shell: Debian, Alpine, or busybox alone (`cargo xtask base-image` makes one).
ARG BASE=debian:bookworm-slim
# Where the binary comes from: an image with Rust and a C compiler. Of no matter when a `registry` lies in the build context.
ARG BUILDER=rust:1-bookworm

FROM ${BUILDER} AS binary
WORKDIR /source
COPY . .
# The target is named so that the flags reach the binary alone: the compiler's own plug-ins cannot be static.
RUN if [ ! -f registry ]; then \
        target=$(rustc -vV | sed -n 's/^host: //p') && \
        RUSTFLAGS='-C target-feature=+crt-static' \
            cargo build --locked --release --package wharf-server --target "$target" && \
        mv "target/$target/release/registry" registry; \
    fi

FROM ${BASE}
COPY --from=binary /source/registry /bin/registry
COPY image/entrypoint.sh /entrypoint.sh
# Where Distribution 2 looks, and where Distribution 3 does.
COPY image/config.yml /etc/docker/registry/config.yml
COPY image/config.yml /etc/distribution/config.yml
WORKDIR /
VOLUME ["/var/lib/registry"]
EXPOSE 5000
ENTRYPOINT ["/entrypoint.sh"]
CMD ["/etc/docker/registry/config.yml"]

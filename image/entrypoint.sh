#!/bin/sh
# What the container runs: a configuration file is served, the registry's own commands and flags go to the registry,
# and anything else is a program of the image (`sh`, say).
set -e

case "$1" in
    *.yml | *.yaml)
        exec registry serve "$@"
        ;;
    serve | garbage-collect | trash | verify | help | -*)
        exec registry "$@"
        ;;
    *)
        exec "$@"
        ;;
esac

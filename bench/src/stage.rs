//! The two registries side by side: each in a folder and on a port of its own, told the same.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;
use wharf_e2e::config::Config;
use wharf_e2e::program::Program;
use wharf_e2e::registry::{Place, Registry};

use crate::Outcome;
use crate::client::target::Target;
use crate::cores::Cores;
use crate::process::Meter;

/// What both registries are told beyond the plain configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setup {
    pub(crate) tls: Option<Arc<Certificate>>,
    pub(crate) htpasswd: Option<Arc<Passwords>>,
}

/// Both registries, running.
#[derive(Debug)]
pub(crate) struct Stage {
    ours: Running,
    peer: Running,
}

/// One registry, running.
#[derive(Debug)]
pub(crate) struct Running {
    registry: Registry,
    pub(crate) target: Target,
}

/// The programmes to compare, and where they run.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) ours: Program,
    pub(crate) peer: Program,
    pub(crate) cores: Cores,
}

impl Stage {
    /// Starts both on empty stores.
    pub(crate) fn start(programs: &Programs, setup: &Setup) -> Outcome<Self> {
        Self::start_with(programs, setup, |_| Ok(()))
    }

    /// Starts both on stores that are written before: `fill` is given the folder `docker/registry/v2` of each.
    pub(crate) fn start_with(
        programs: &Programs,
        setup: &Setup,
        fill: impl Fn(&Path) -> io::Result<()>,
    ) -> Outcome<Self> {
        Self::start_in(programs, setup, |program| {
            let place = Place::new(configuration(program, setup));
            fill(&place.stored(""))?;
            Ok(place)
        })
    }

    /// Ends both and starts them on the same stores, told something else.
    pub(crate) fn restart(self, programs: &Programs, setup: &Setup) -> Outcome<Self> {
        let mut places = [self.peer, self.ours].map(|running| Some(running.registry.stop()));
        Self::start_in(programs, setup, |program| {
            let index = usize::from(*program == programs.ours);
            let place = places[index].take();
            let config = configuration(program, setup);
            Ok(match place {
                Some(place) => place.configured(config),
                None => Place::new(config),
            })
        })
    }

    fn start_in(
        programs: &Programs,
        setup: &Setup,
        mut place: impl FnMut(&Program) -> io::Result<Place>,
    ) -> Outcome<Self> {
        let mut start = |program: &Program| {
            let place = place(program)?;
            let registry = programs.cores.on_server(move || place.start(program))?;
            Running::new(registry, setup)
        };
        Ok(Self {
            ours: start(&programs.ours)?,
            peer: start(&programs.peer)?,
        })
    }

    /// Ours first, then the peer.
    pub(crate) fn both(&self) -> [&Running; 2] {
        [&self.ours, &self.peer]
    }

    /// Where load goes: ours first, then the peer.
    pub(crate) fn targets(&self) -> Vec<Target> {
        self.both().map(|running| running.target.clone()).to_vec()
    }
}

/// Both registries, to be started again and again on the same stores: what a first look costs can only be seen once in a life.
#[derive(Debug)]
pub(crate) struct Restarting<'a> {
    stage: RefCell<Option<Stage>>,
    programs: &'a Programs,
    setup: Setup,
}

impl<'a> Restarting<'a> {
    pub(crate) fn new(stage: Stage, programs: &'a Programs, setup: Setup) -> Self {
        Self {
            stage: RefCell::new(Some(stage)),
            programs,
            setup,
        }
    }

    /// Ends both and starts them.
    pub(crate) fn restart(&self) -> Outcome {
        let old = self.stage.take();
        let new = old.map(|stage| stage.restart(self.programs, &self.setup));
        self.stage.replace(new.transpose()?);
        Ok(())
    }

    /// Where load goes: 0 is ours, 1 the peer.
    pub(crate) fn target(&self, contender: usize) -> Outcome<Target> {
        let stage = self.stage.borrow();
        let targets = stage.as_ref().map(Stage::targets).unwrap_or_default();
        targets
            .into_iter()
            .nth(contender)
            .ok_or_else(|| "the registries are not running".into())
    }
}

impl Running {
    fn new(registry: Registry, setup: &Setup) -> Outcome<Self> {
        let target = Target {
            address: SocketAddr::from(([127, 0, 0, 1], registry.port())),
            tls: setup
                .tls
                .as_ref()
                .map(|certificate| certificate.connector(&[]))
                .transpose()?,
            authorization: setup.htpasswd.as_ref().map(|_| Passwords::header()),
            meter: Meter::of(registry.id())?,
        };
        Ok(Self { registry, target })
    }

    /// Where the content of a digest lies in the store.
    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        self.registry.blob(digest)
    }
}

/// A self-signed certificate for `localhost`.
#[derive(Debug)]
pub(crate) struct Certificate {
    folder: TempDir,
    der: CertificateDer<'static>,
}

impl Certificate {
    /// Makes one.
    pub(crate) fn new() -> Outcome<Self> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("certificate.pem"), made.cert.pem())?;
        std::fs::write(
            folder.path().join("key.pem"),
            made.signing_key.serialize_pem(),
        )?;
        Ok(Self {
            folder,
            der: made.cert.der().clone(),
        })
    }

    /// A client that trusts it, and offers these protocols.
    pub(crate) fn connector(&self, protocols: &[&[u8]]) -> io::Result<TlsConnector> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).map_err(io::Error::other)?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// An htpasswd file with one user, at the cost that `htpasswd -B` is told by most guides.
#[derive(Debug)]
pub(crate) struct Passwords {
    folder: TempDir,
}

impl Passwords {
    /// Writes the file.
    pub(crate) fn new() -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let hash = bcrypt::hash(PASSWORD, BCRYPT_COST)?;
        std::fs::write(folder.path().join("htpasswd"), format!("{USER}:{hash}\n"))?;
        Ok(Self { folder })
    }

    fn header() -> String {
        format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")))
    }
}

/// The same words for both, but for one: only ours knows `durability`, and it is the default, written out here to be seen.
pub(crate) fn configuration(program: &Program, setup: &Setup) -> Config {
    let durability = match program {
        Program::Wharf(_) => "    durability: full\n",
        Program::Distribution(_) => "",
    };
    let auth = setup
        .htpasswd
        .as_ref()
        .map_or_else(String::new, |passwords| {
            let folder = passwords.folder.path().display();
            format!("auth:\n  htpasswd:\n    realm: bench\n    path: {folder}/htpasswd\n")
        });
    let config = Config::written(format!(
        "\
version: 0.1
log:
  level: error
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: {{store}}
{durability}  cache:
    blobdescriptor: inmemory
  delete:
    enabled: true
  maintenance:
    uploadpurging:
      enabled: false
http:
  addr: {{address}}
  secret: the same on every replica
{auth}"
    ));
    match &setup.tls {
        None => config,
        // The environment, since that is where the start looks for the scheme to ask with.
        Some(certificate) => config
            .env(
                "REGISTRY_HTTP_TLS_CERTIFICATE",
                certificate.folder.path().join("certificate.pem"),
            )
            .env(
                "REGISTRY_HTTP_TLS_KEY",
                certificate.folder.path().join("key.pem"),
            ),
    }
}

const USER: &str = "alice";
const PASSWORD: &str = "a password of common length";
const BCRYPT_COST: u32 = 10;

//! One connection to one server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Pipeline, RedisConnectionInfo, RedisResult, Value};
use larder_store_core::{Env, Op, Result};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;

use super::command::together;
use super::config::{Node, RedisConfig};
use super::error;

/// How long a connection may take to be made.
pub(super) const CONNECT: Duration = Duration::from_millis(3100);
/// How long an idle connection is trusted, by a clock that goes on while the machine is suspended: what stands on the way
/// may have forgotten it since, without a word to us.
const IDLE: Duration = Duration::from_secs(60);
/// A request that was given up after this time, while nothing at all was answered, makes its connection suspect.
const SILENT: Duration = Duration::from_secs(1);

/// A connection that many requests share.
pub(super) struct Connection {
    mux: MultiplexedConnection,
    env: Env,
    /// It is to be used: nothing is known against it.
    good: Arc<AtomicBool>,
    /// Milliseconds of the boot clock at the last answer, or at the beginning.
    answered: AtomicU64,
    /// Dropped with the last user, it ends the task that drives the connection, whatever that waits for.
    _end: oneshot::Sender<()>,
}

/// How the servers are reached.
#[derive(Clone)]
pub(super) struct Dial {
    /// Who comes, and to which database; in the words of Redis.
    login: Pipeline,
    tls: Option<Arc<rustls::ClientConfig>>,
    env: Env,
}

impl Dial {
    pub(super) fn new(config: &RedisConfig, tls: Option<Arc<rustls::ClientConfig>>, env: Env) -> Dial {
        let mut login = Vec::new();
        if let Some(password) = &config.password {
            let mut auth = ::redis::cmd("AUTH");
            if let Some(user) = &config.user {
                auth.arg(user.reveal());
            }
            auth.arg(password.reveal());
            login.push(auth);
        }
        if config.database != 0 {
            let mut select = ::redis::cmd("SELECT");
            select.arg(config.database);
            login.push(select);
        }
        Dial { login: together(login), tls, env }
    }

    /// Makes a connection. Nothing was sent before there is one.
    pub(super) async fn connect(&self, op: Op, node: &Node) -> Result<Arc<Connection>> {
        let made = async {
            let stream = TcpStream::connect((node.host.as_str(), node.port))
                .await
                .map_err(|e| error::unreachable(op, node, &e))?;
            stream.set_nodelay(true).map_err(|e| error::unreachable(op, node, &e))?;
            let Some(tls) = &self.tls else { return self.log_in(op, node, stream).await };
            let name = ServerName::try_from(node.host.clone()).map_err(|_| error::no_name(op, node))?;
            let stream = TlsConnector::from(tls.clone())
                .connect(name, stream)
                .await
                .map_err(|e| error::untrusted(op, node, &e))?;
            self.log_in(op, node, stream).await
        };
        tokio::select! {
            biased;
            made = made => made,
            () = self.env.sleep(CONNECT) => Err(error::no_connection(op, node, CONNECT)),
        }
    }

    async fn log_in<S>(&self, op: Op, node: &Node, stream: S) -> Result<Arc<Connection>>
    where
        S: Unpin + tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + 'static,
    {
        // Time is watched by whoever waits.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let info = RedisConnectionInfo::default();
        // A server that wants another certificate says so only when it is spoken to. What it answers to our name is of no
        // matter: an ACL may refuse it.
        let info = match self.tls.is_some() {
            true => info.set_lib_name("larder", env!("CARGO_PKG_VERSION")),
            false => info.set_skip_set_lib_name(),
        };
        let (mux, driver) = MultiplexedConnection::new_with_config(&info, stream, config)
            .await
            .map_err(|e| error::refused(op, node, self.tls.is_some(), &e))?;
        let (end, ended) = oneshot::channel();
        let good = Arc::new(AtomicBool::new(true));
        let over = good.clone();
        self.env.spawn(async move {
            tokio::select! {
                () = driver => {}
                _ = ended => {}
            }
            over.store(false, Ordering::Release);
        });
        let answered = AtomicU64::new(millis(&self.env));
        let connection = Connection { mux, env: self.env.clone(), good, answered, _end: end };
        if !self.login.is_empty() {
            let answers = connection.send(&self.login).await;
            let answers = answers.map_err(|e| error::refused(op, node, self.tls.is_some(), &e))?;
            for answer in answers {
                if let Value::ServerError(said) = answer {
                    return Err(error::not_let_in(op, node, &said));
                }
            }
        }
        Ok(Arc::new(connection))
    }
}

fn millis(env: &Env) -> u64 {
    u64::try_from(env.boot().as_millis()).unwrap_or(u64::MAX)
}

impl Connection {
    /// Whether a new request may take it.
    pub(super) fn is_good(&self) -> bool {
        let idle = millis(&self.env).saturating_sub(self.answered.load(Ordering::Relaxed));
        self.good.load(Ordering::Acquire) && idle < IDLE.as_millis() as u64
    }

    /// It is of no more use: the next request takes another one.
    pub(super) fn broke(&self) {
        self.good.store(false, Ordering::Release);
    }

    /// Sends commands in one go, and waits for the answer of each.
    pub(super) async fn send(&self, commands: &Pipeline) -> RedisResult<Vec<Value>> {
        let mut mux = self.mux.clone();
        let watch = Watch { connection: self, began: millis(&self.env), over: false };
        let sent = mux.send_packed_commands(commands, 0, commands.len()).await;
        watch.over(&sent);
        sent
    }
}

/// A request under way.
struct Watch<'a> {
    connection: &'a Connection,
    began: u64,
    over: bool,
}

impl Watch<'_> {
    fn over<T>(mut self, sent: &RedisResult<T>) {
        self.over = true;
        match sent {
            Ok(_) => self.connection.answered.store(millis(&self.connection.env), Ordering::Relaxed),
            // Behind an answer that is not understood nothing is.
            Err(_) => self.connection.broke(),
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        // Given up. Whoever gives up sooner than a request may last must not find the same dead connection for ever.
        let waited = millis(&self.connection.env).saturating_sub(self.began);
        let silent = self.connection.answered.load(Ordering::Relaxed) <= self.began;
        if silent && waited >= SILENT.as_millis() as u64 {
            self.connection.broke();
        }
    }
}

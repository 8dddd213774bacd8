//! The handle of a running server.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::bucket::Bucket;
use super::faults::Faults;
use super::object::Draft;
use super::options::{self, DoubleOptions};
use super::serve::{self, Addresses};
use super::server::Server;
use super::session::State;
use super::settings::{Obeys, Signer};
use super::sums::Summing;

/// A Google Cloud Storage server in this process, on threads and two ports of its own. It ends when it is dropped.
///
/// ```
/// use larder_cloud_tests::gs::{Double, DoubleOptions};
/// let double = Double::start(DoubleOptions::default()).unwrap();
/// double.create_bucket("things");
/// assert!(double.url("things/here").starts_with("gs://things/here?endpoint=http%3A//127.0.0.1%3A"));
/// assert!(double.requests().is_empty());
/// ```
#[derive(Debug)]
pub struct Double {
    server: Arc<Server>,
    addresses: Addresses,
    runtime: Option<Runtime>,
}

impl Double {
    /// Starts a server and returns when it takes connections.
    ///
    /// # Errors
    /// If a port is taken, or the folder for bodies cannot be written.
    pub fn start(options: DoubleOptions) -> io::Result<Self> {
        let server = Arc::new(Server::new(options)?);
        let (runtime, addresses) = serve::start(server.clone())?;
        Ok(Self { server, addresses, runtime: Some(runtime) })
    }

    /// Where REST is, as `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addresses.rest)
    }

    /// Where gRPC is, as `http://127.0.0.1:PORT`.
    pub fn grpc_endpoint(&self) -> String {
        format!("http://{}", self.addresses.grpc)
    }

    /// A store's URL for `place`, a bucket or a bucket and a prefix, with all that is needed to reach it.
    pub fn url(&self, place: &str) -> String {
        options::url(&self.endpoint(), &self.grpc_endpoint(), place)
    }

    /// Makes a bucket, if it is not there.
    pub fn create_bucket(&self, name: &str) {
        let now = self.server.now();
        self.server.state().buckets.entry(name.to_owned()).or_insert_with(|| Bucket::new(now));
    }

    /// Whether a bucket keeps replaced and deleted generations from here on.
    pub fn set_versioned(&self, bucket: &str, versioned: bool) {
        if let Some(bucket) = self.server.state().buckets.get_mut(bucket) {
            bucket.versioned = versioned;
        }
    }

    /// Puts an empty object under each of `names`, without any request: for a million of them.
    ///
    /// # Errors
    /// If one cannot be kept.
    pub fn seed<N: AsRef<str>>(&self, bucket: &str, names: impl IntoIterator<Item = N>) -> io::Result<()> {
        self.seed_values(bucket, names.into_iter().map(|name| (name, Vec::new())))
    }

    /// Puts the value of each name as an object, as another tool would: without metadata, and without any request.
    ///
    /// # Errors
    /// If one cannot be kept.
    pub fn seed_values<N: AsRef<str>>(
        &self,
        bucket: &str,
        values: impl IntoIterator<Item = (N, Vec<u8>)>,
    ) -> io::Result<()> {
        self.create_bucket(bucket);
        for (name, value) in values {
            let (mut writer, mut sums) = (self.server.spool.writer(), Summing::new());
            writer.write(&value)?;
            sums.update(&value);
            let (content, sums, now) = (writer.finish(), sums.finish(), self.server.now());
            let mut state = self.server.state();
            let generation = state.next_generation(now);
            if let Some(bucket) = state.buckets.get_mut(bucket) {
                bucket.put(name.as_ref(), Draft::default(), content, sums, (now, generation));
            }
        }
        Ok(())
    }

    /// Sets an entry of an object's custom metadata, as another tool would.
    pub fn set_metadata(&self, bucket: &str, name: &str, entry: &str, value: &str) {
        let mut state = self.server.state();
        let live = state.buckets.get_mut(bucket).and_then(|bucket| bucket.live.get_mut(name));
        if let Some(object) = live {
            let object = Arc::make_mut(object);
            object.fields.metadata.insert(entry.to_owned(), value.to_owned());
            object.metageneration += 1;
        }
    }

    /// How many live objects a bucket holds; 0 if there is no such bucket.
    pub fn count(&self, bucket: &str) -> usize {
        self.server.state().buckets.get(bucket).map_or(0, |bucket| bucket.live.len())
    }

    /// The bytes of a live object as they are kept, whatever the wire does.
    ///
    /// # Errors
    /// If a file with them cannot be read.
    pub fn object(&self, bucket: &str, name: &str) -> io::Result<Option<Vec<u8>>> {
        let content = {
            let state = self.server.state();
            let live = state.buckets.get(bucket).and_then(|bucket| bucket.live.get(name));
            live.map(|object| object.content.clone())
        };
        content.map(|content| content.bytes()).transpose()
    }

    /// The custom metadata of a live object.
    pub fn metadata(&self, bucket: &str, name: &str) -> BTreeMap<String, String> {
        let state = self.server.state();
        let live = state.buckets.get(bucket).and_then(|bucket| bucket.live.get(name));
        live.map(|object| object.fields.metadata.clone()).unwrap_or_default()
    }

    /// The storage class of a live object, and the version of the key that it is encrypted with.
    pub fn class(&self, bucket: &str, name: &str) -> Option<(String, Option<String>)> {
        let state = self.server.state();
        let live = state.buckets.get(bucket)?.live.get(name)?;
        Some((live.storage_class.clone(), live.kms_key.clone()))
    }

    /// How many upload sessions are under way in a bucket.
    pub fn uploads(&self, bucket: &str) -> usize {
        let state = self.server.state();
        let open = state.sessions.values().filter(|session| {
            session.bucket == bucket && matches!(session.state, State::Open(_) | State::Busy)
        });
        open.count()
    }

    /// Requests so far by operation (`ReadObject`, `ListObjects`), refused ones and those that met a fault included.
    pub fn requests(&self) -> BTreeMap<&'static str, u64> {
        self.server.traffic.requests()
    }

    /// Begins to count requests from zero.
    pub fn reset_requests(&self) {
        self.server.traffic.reset_requests();
    }

    /// Requests that may still have an effect: those that are being answered, and those whose effect is late.
    pub fn open_requests(&self) -> u64 {
        self.server.traffic.open()
    }

    /// Waits until nothing that was sent before can have an effect any more, also where who sent it is gone.
    ///
    /// # Errors
    /// If it is not so within 30 seconds.
    pub async fn quiet(&self) -> io::Result<()> {
        self.server.traffic.quiet(self.addresses.grpc).await?;
        self.server.traffic.quiet(self.addresses.rest).await
    }

    /// Ends every open connection with an RST, as they are all dead when a frozen process wakes up.
    pub fn drop_connections(&self) {
        self.server.traffic.reset_all();
    }

    /// Connections accepted so far, on both ports.
    pub fn connections(&self) -> u64 {
        self.server.traffic.connections()
    }

    /// The harm that it does on the wire.
    pub fn faults(&self) -> &Faults {
        &self.server.faults
    }

    /// Every answer waits this long, after its effect.
    pub fn set_latency(&self, latency: Duration) {
        self.server.change(|settings| settings.latency = latency);
    }

    /// Whether conditions on writes are obeyed from here on.
    pub fn set_obeys(&self, obeys: Obeys) {
        self.server.change(|settings| settings.obeys = obeys);
    }

    /// Where clients reach REST from here on, as `http://HOST:PORT`, if something stands before it: uploads are told to go
    /// on there.
    pub fn set_behind(&self, endpoint: &str) {
        self.server.change(|settings| settings.before = Some(endpoint.to_owned()));
    }

    /// Sets the server's clock ahead of the machine's by so many seconds, or behind it.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.server.change(|settings| settings.clock_offset = seconds);
    }

    /// The token that must come with each request from here on; `None` lets everybody in.
    pub fn set_token(&self, token: Option<&str>) {
        self.server.change(|settings| settings.token = token.map(str::to_owned));
    }

    /// Whose signed URLs are taken from here on: a service account, and its public key as PKCS #1 in DER.
    pub fn set_signer(&self, email: &str, public_key: &[u8]) {
        let signer = Signer { email: email.to_owned(), key: public_key.to_vec() };
        self.server.change(|settings| settings.signer = Some(signer));
    }

    /// Whether downloads tell custom metadata in their headers from here on. Older answers of the service did not.
    pub fn set_tells_metadata(&self, tells: bool) {
        self.server.change(|settings| settings.tells_metadata = tells);
    }

    /// How many bytes one call of a rewrite copies at most from here on.
    pub fn set_rewrite(&self, bytes: u64) {
        self.server.change(|settings| settings.rewrite = bytes);
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // To end it is to wait for it, which is not allowed on a thread that serves another runtime. When it has
            // ended, nothing names the bodies but `self`.
            let ends = std::thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(5)));
            let _ = ends.join();
        }
    }
}

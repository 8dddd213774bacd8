//! The handle of a running server.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use s3s::crypto::{Checksum as _, Md5};
use tokio::runtime::Runtime;

use super::bucket::Bucket;
use super::etag::Etag;
use super::faults::Faults;
use super::object::Object;
use super::options::DoubleOptions;
use super::serve;
use super::server::Server;
use super::settings::{Conditions, Rights};
use crate::content::Content;

/// What a writer said about how an object is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptWith {
    /// The storage class.
    pub class: Option<String>,
    /// Tags, as the query of a URL.
    pub tagging: Option<String>,
    /// An algorithm, and the name of a key.
    pub encryption: Option<(String, Option<String>)>,
}

/// An S3 server in this process, on threads and a port of its own. It ends when it is dropped.
///
/// ```
/// use larder_cloud_tests::s3::{Double, DoubleOptions};
/// let double = Double::start(DoubleOptions::default()).unwrap();
/// double.create_bucket("things");
/// assert!(double.url("things/here").starts_with("s3://things/here?endpoint=http%3A//127.0.0.1%3A"));
/// assert!(double.requests().is_empty());
/// ```
#[derive(Debug)]
pub struct Double {
    server: Arc<Server>,
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Double {
    /// Starts a server and returns when it takes connections.
    ///
    /// # Errors
    /// If the port is taken, or the folder for bodies cannot be written.
    pub fn start(options: DoubleOptions) -> io::Result<Self> {
        let server = Arc::new(Server::new(options)?);
        let (runtime, address) = serve::start(server.clone())?;
        Ok(Self { server, address, runtime: Some(runtime) })
    }

    /// Where it is, as `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The access key that it knows.
    pub fn access_key(&self) -> &str {
        &self.server.options.access_key
    }

    /// The secret of that key.
    pub fn secret_key(&self) -> &str {
        &self.server.options.secret_key
    }

    /// The region that requests must be signed for.
    pub fn region(&self) -> &str {
        &self.server.options.region
    }

    /// A store's URL for `place`, a bucket or a bucket and a prefix, with all that is needed to reach it.
    pub fn url(&self, place: &str) -> String {
        self.server.options.url(&self.endpoint(), place)
    }

    /// Makes a bucket, if it is not there.
    pub fn create_bucket(&self, name: &str) {
        let region = self.server.options.region.clone();
        self.server.buckets().entry(name.to_owned()).or_insert_with(|| Bucket::new(region));
    }

    /// Puts an empty object under each of `keys`, without any request: for a million of them.
    pub fn seed<K: AsRef<str>>(&self, bucket: &str, keys: impl IntoIterator<Item = K>) {
        self.create_bucket(bucket);
        let etag = Etag::whole(Md5::checksum(&[]));
        let object = Object { content: Content::Empty, etag, modified: self.server.now(), extra: None };
        let mut buckets = self.server.buckets();
        let Some(bucket) = buckets.get_mut(bucket) else { return };
        for key in keys {
            bucket.objects.insert(key.as_ref().as_bytes().into(), object.clone());
        }
    }

    /// Puts the value of each key as an object, without any request: for a million small ones.
    ///
    /// # Errors
    /// If one cannot be kept.
    pub fn seed_values<K: AsRef<str>>(
        &self,
        bucket: &str,
        values: impl IntoIterator<Item = (K, Vec<u8>)>,
    ) -> io::Result<()> {
        self.create_bucket(bucket);
        let modified = self.server.now();
        for (key, value) in values {
            let mut writer = self.server.spool.writer();
            writer.write(&value)?;
            let etag = Etag::whole(Md5::checksum(&value));
            let object = Object { content: writer.finish(), etag, modified, extra: None };
            // The lock for each alone: values may take long to make, and may be made by requests.
            if let Some(bucket) = self.server.buckets().get_mut(bucket) {
                bucket.objects.insert(key.as_ref().as_bytes().into(), object);
            }
        }
        Ok(())
    }

    /// How many objects a bucket holds; 0 if there is no such bucket.
    pub fn count(&self, bucket: &str) -> usize {
        self.server.buckets().get(bucket).map_or(0, |bucket| bucket.objects.len())
    }

    /// The bytes of an object as they are kept, whatever the wire does.
    ///
    /// # Errors
    /// If a file with them cannot be read.
    pub fn object(&self, bucket: &str, key: &str) -> io::Result<Option<Vec<u8>>> {
        let content = {
            let buckets = self.server.buckets();
            buckets.get(bucket).and_then(|bucket| bucket.object(key)).map(|object| object.content.clone())
        };
        content.map(|content| content.bytes()).transpose()
    }

    /// What an object was said to be kept with: its class, its tags as the query of a URL, and its encryption with the
    /// key's name.
    pub fn kept_with(&self, bucket: &str, key: &str) -> Option<KeptWith> {
        let buckets = self.server.buckets();
        let extra = buckets.get(bucket)?.object(key)?.extra.as_ref()?;
        let headers = extra.headers.clone();
        Some(KeptWith {
            class: headers.storage_class,
            tagging: headers.tagging,
            encryption: headers.encryption,
        })
    }

    /// How many uploads in parts are under way in a bucket.
    pub fn uploads(&self, bucket: &str) -> usize {
        self.server.buckets().get(bucket).map_or(0, |bucket| bucket.uploads.len())
    }

    /// How many parts the uploads of a bucket have that are under way.
    pub fn parts(&self, bucket: &str) -> usize {
        let buckets = self.server.buckets();
        buckets.get(bucket).map_or(0, |bucket| bucket.uploads.values().map(|upload| upload.parts.len()).sum())
    }

    /// Requests so far by operation (`GetObject`), refused ones and those that met a fault included.
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
    /// What came before is read before what comes now, so it asks on a new connection and then looks what is open,
    /// and does so again.
    ///
    /// # Errors
    /// If it is not so within 30 seconds.
    pub async fn quiet(&self) -> io::Result<()> {
        self.server.traffic.quiet(self.address).await
    }

    /// Ends every open connection with an RST, as they are all dead when a frozen process wakes up.
    pub fn drop_connections(&self) {
        self.server.traffic.reset_all();
    }

    /// Connections accepted so far.
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
    pub fn set_conditions(&self, conditions: Conditions) {
        self.server.change(|settings| settings.conditions = conditions);
    }

    /// What the credentials may do from here on.
    pub fn set_rights(&self, rights: Rights) {
        self.server.change(|settings| settings.rights = rights);
    }

    /// Sets the server's clock ahead of the machine's by so many seconds, or behind it.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.server.change(|settings| settings.clock_offset = seconds);
    }

    /// The session token that must come with the access key from here on; `None` for a key that needs none.
    pub fn set_session_token(&self, token: Option<&str>) {
        self.server.change(|settings| settings.session_token = token.map(str::to_owned));
    }

    /// Whether session tokens have expired.
    pub fn set_token_expired(&self, expired: bool) {
        self.server.change(|settings| settings.token_expired = expired);
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

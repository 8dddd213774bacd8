//! What stands on the way to a server: it counts round trips, and does harm when it is asked to.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Failure;

/// A proxy on a free port of 127.0.0.1. Dropped, it ends with all its connections.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How often the client began to speak after the server did, or first: each is a round trip, however much it sends.
    trips: AtomicU64,
    connections: AtomicU64,
    /// Answers are swallowed from now on.
    mute: AtomicBool,
    /// So many answers are swallowed, and the connection of each is cut.
    cuts: AtomicU64,
    over: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Starts one before a server.
    ///
    /// # Errors
    /// If there is no port.
    pub fn start(server: u16) -> Result<Proxy, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(State::default());
        let shared = state.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if shared.over.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(client), Ok(server)) = (client, TcpStream::connect((Ipv4Addr::LOCALHOST, server)))
                else {
                    continue;
                };
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let _ = shared.serve(client, server);
            }
        });
        Ok(Proxy { port, state })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Round trips since the last call of this.
    pub fn trips(&self) -> u64 {
        self.state.trips.swap(0, Ordering::SeqCst)
    }

    /// Connections made so far.
    pub fn connections(&self) -> u64 {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Ends every connection. New ones are taken.
    pub fn cut(&self) {
        self.state.cut();
    }

    /// Swallows answers from now on, or no more: the server does what it is asked, and nobody hears of it.
    pub fn mute(&self, on: bool) {
        self.state.mute.store(on, Ordering::SeqCst);
    }

    /// Swallows the next `count` answers, and cuts the connection of each.
    pub fn lose_answers(&self, count: u64) {
        self.state.cuts.store(count, Ordering::SeqCst);
    }
}

impl State {
    fn cut(&self) {
        for stream in self.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn serve(self: &Arc<Self>, client: TcpStream, server: TcpStream) -> std::io::Result<()> {
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.extend([client.try_clone()?, server.try_clone()?]);
        }
        // Whether the client spoke last.
        let asking = Arc::new(AtomicBool::new(false));
        let (state, asks) = (self.clone(), asking.clone());
        let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(read @ 1..) = from.read(&mut buffer) {
                if !asks.swap(true, Ordering::SeqCst) {
                    state.trips.fetch_add(1, Ordering::SeqCst);
                }
                if to.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Both);
        });
        let (state, mut from, mut to) = (self.clone(), server, client);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(read @ 1..) = from.read(&mut buffer) {
                asking.store(false, Ordering::SeqCst);
                if state.mute.load(Ordering::SeqCst) {
                    continue;
                }
                let lose = state.cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
                if lose.is_ok() || to.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
            let _ = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
        });
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        self.state.cut();
        // The listener wakes up, sees that it is over, and ends.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

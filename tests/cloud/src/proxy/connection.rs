//! One connection of a client, and the one to the server that it has for itself.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::harm::Harm;
use super::plan::Drawn;
use super::reader::Reader;
use super::server::Shared;
use super::speech::{Answer, Request};

/// Bytes of a slow answer at a time, and the time between two such pieces: 16 KiB a second.
const DROP: (usize, Duration) = (1 << 10, Duration::from_micros(62_500));

/// A client, and where its requests go.
struct Pair {
    shared: Arc<Shared>,
    client: Reader<OwnedReadHalf>,
    to_client: OwnedWriteHalf,
    server: Option<Server>,
}

struct Server {
    from: Reader<OwnedReadHalf>,
    to: OwnedWriteHalf,
}

/// What becomes of a connection behind a request.
enum Next {
    GoesOn,
    Ends,
    /// It ends with an RST: what was not yet sent is lost.
    Reset,
}

pub(super) async fn serve(shared: Arc<Shared>, client: TcpStream) {
    let _ = client.set_nodelay(true);
    let (from, to_client) = client.into_split();
    let mut pair = Pair { shared, client: Reader::new(from), to_client, server: None };
    loop {
        match pair.next().await {
            Ok(Next::GoesOn) => {}
            Ok(Next::Reset) => {
                // A linger time of zero makes the close an RST.
                let _ = pair.to_client.as_ref().set_zero_linger();
                return;
            }
            // A client or a server that went away ends both connections.
            Ok(Next::Ends) | Err(_) => return,
        }
    }
}

impl Pair {
    async fn next(&mut self) -> io::Result<Next> {
        let speech = self.shared.speech;
        let Some(mut request) = speech.request(&mut self.client).await? else { return Ok(Next::Ends) };
        match self.shared.draw(&request) {
            None => {
                let answer = self.ask(&request).await?;
                self.give(&answer.bytes, answer.last).await
            }
            Some(drawn) => self.harmed(&mut request, drawn).await,
        }
    }

    async fn harmed(&mut self, request: &mut Request, drawn: Drawn) -> io::Result<Next> {
        let (harm, operation) = (drawn.harm, request.operation);
        let shared = self.shared.clone();
        let done = || shared.count(harm, operation);
        match harm {
            Harm::Refused => {
                done();
                shared.refuse_for(drawn.away);
                Ok(Next::Reset)
            }
            Harm::ResetBefore => {
                done();
                Ok(Next::Reset)
            }
            Harm::ResetAfter => {
                self.ask(request).await?;
                done();
                Ok(Next::Reset)
            }
            Harm::Late => {
                done();
                let server = self.server.take();
                self.later(request, drawn.delay, server).await?;
                Ok(Next::Reset)
            }
            Harm::BlackHoleBefore | Harm::BlackHoleAfter => {
                if harm == Harm::BlackHoleAfter {
                    self.ask(request).await?;
                }
                done();
                // Until the client gives up; what it still says is heard by nobody.
                self.client.rest().await?;
                Ok(Next::Ends)
            }
            Harm::TooMany
            | Harm::Throttled
            | Harm::BareBefore
            | Harm::NotFound
            | Harm::Expired
            | Harm::Redirected => self.instead(request, drawn).await,
            Harm::BareAfter => {
                self.ask(request).await?;
                self.instead(request, drawn).await
            }
            Harm::DamagedRequest => {
                flip(&mut request.bytes, &request.guarded, drawn.dice);
                done();
                let answer = self.ask(request).await?;
                self.give(&answer.bytes, answer.last).await
            }
            Harm::DamagedAnswer => {
                let mut answer = self.ask(request).await?;
                if answer.summed && answer.bytes.len() > answer.body {
                    let body = answer.body..answer.bytes.len();
                    flip(&mut answer.bytes, &[body], drawn.dice);
                    done();
                }
                self.give(&answer.bytes, answer.last).await
            }
            Harm::Replayed => {
                let answer = self.ask(request).await?;
                done();
                self.later(request, drawn.delay, None).await?;
                self.give(&answer.bytes, answer.last).await
            }
            Harm::Slow => {
                let answer = self.ask(request).await?;
                done();
                for piece in answer.bytes.chunks(DROP.0) {
                    self.to_client.write_all(piece).await?;
                    tokio::time::sleep(DROP.1).await;
                }
                Ok(if answer.last { Next::Ends } else { Next::GoesOn })
            }
            Harm::Truncated => {
                let answer = self.ask(request).await?;
                let Answer { bytes, body, last, .. } = answer;
                if bytes.len() <= body {
                    return self.give(&bytes, last).await;
                }
                done();
                let end = body + (drawn.dice % (bytes.len() - body) as u64) as usize;
                self.to_client.write_all(&bytes[..end]).await?;
                Ok(Next::Ends)
            }
        }
    }

    /// The server's answer.
    async fn ask(&mut self, request: &Request) -> io::Result<Answer> {
        let _open = self.shared.open();
        let speech = self.shared.speech;
        let server = match &mut self.server {
            Some(server) => server,
            none => none.insert(connect(&self.shared).await?),
        };
        server.to.write_all(&request.bytes).await?;
        let answer = speech.answer(&mut server.from, request).await?;
        if answer.last {
            self.server = None;
        }
        Ok(answer)
    }

    /// Sends the request a while later, to nobody's knowledge.
    async fn later(&self, request: &mut Request, delay: Duration, server: Option<Server>) -> io::Result<()> {
        let open = self.shared.open();
        let mut server = match server {
            Some(server) => server,
            None => connect(&self.shared).await?,
        };
        let speech = self.shared.speech;
        let request = Request { bytes: std::mem::take(&mut request.bytes), guarded: Vec::new(), ..*request };
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            if server.to.write_all(&request.bytes).await.is_ok() {
                // Nobody is there to be told.
                let _ = speech.answer(&mut server.from, &request).await;
            }
            drop(open);
        });
        Ok(())
    }

    /// Answers in the service's stead.
    async fn instead(&mut self, request: &Request, drawn: Drawn) -> io::Result<Next> {
        let Some(said) = request.refusal(drawn.harm, drawn.dice) else {
            return Err(io::Error::other("the protocol has no word for it"));
        };
        self.shared.count(drawn.harm, request.operation);
        self.give(&said, false).await
    }

    async fn give(&mut self, bytes: &[u8], last: bool) -> io::Result<Next> {
        self.to_client.write_all(bytes).await?;
        Ok(if last { Next::Ends } else { Next::GoesOn })
    }
}

async fn connect(shared: &Shared) -> io::Result<Server> {
    let stream = TcpStream::connect(shared.server).await?;
    stream.set_nodelay(true)?;
    let (from, to) = stream.into_split();
    Ok(Server { from: Reader::new(from), to })
}

/// Changes one of the bytes that stand in these places.
fn flip(bytes: &mut [u8], places: &[Range<usize>], dice: u64) {
    let all: usize = places.iter().map(|place| place.len()).sum();
    let number = (dice % all.max(1) as u64) as usize;
    if let Some(at) = places.iter().cloned().flatten().nth(number) {
        bytes[at] ^= 1;
    }
}

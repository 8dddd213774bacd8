//! Lambda's Runtime API, as a function's process sees it ("Using the Lambda runtime API", AWS Lambda Developer Guide).

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a function answered: its response, or its error.
pub(crate) type Answer = Result<String, String>;

/// An invocation that waits for the function to ask for it.
struct Waiting {
    id: u64,
    event: String,
    time: Duration,
}

/// Those that no process has been given yet.
type Queue = Mutex<VecDeque<Waiting>>;

/// The API, for one process after another.
pub(crate) struct Api {
    address: String,
    events: Arc<Queue>,
    answers: Receiver<(u64, Answer)>,
    next: u64,
}

impl Api {
    /// Listens on a port of its own.
    pub(crate) fn start() -> Api {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let events = Arc::new(Queue::default());
        let (tell, answers) = channel();
        let waiting = events.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (waiting, tell) = (waiting.clone(), tell.clone());
                thread::spawn(move || serve(stream, &waiting, &tell));
            }
        });
        Api { address, events, answers, next: 0 }
    }

    /// Where a function finds it.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Hands an event to the function, which has `time` for it; gives the number of the invocation.
    pub(crate) fn invoke(&mut self, event: String, time: Duration) -> u64 {
        self.next += 1;
        self.events.lock().unwrap().push_back(Waiting { id: self.next, event, time });
        self.next
    }

    /// The next answer, whichever invocation it belongs to; `None` if there is none within `patience`.
    pub(crate) fn any(&self, patience: Duration) -> Option<(u64, Answer)> {
        self.answers.recv_timeout(patience).ok()
    }

    /// The answer to an invocation; `None` if there is none within `patience`.
    pub(crate) fn answer(&self, id: u64, patience: Duration) -> Option<Answer> {
        loop {
            match self.answers.recv_timeout(patience) {
                Ok((of, answer)) if of == id => return Some(answer),
                // Of an invocation that was given up.
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => panic!("the API is gone"),
            }
        }
    }
}

/// One connection of the function's process.
fn serve(stream: TcpStream, waiting: &Queue, tell: &Sender<(u64, Answer)>) -> Option<()> {
    let mut from = BufReader::new(stream.try_clone().ok()?);
    let mut to = stream;
    loop {
        let (line, body) = request(&mut from)?;
        let path = line.split(' ').nth(1)?.strip_prefix("/2018-06-01/runtime/")?.to_owned();
        if path == "invocation/next" {
            let waiting = next(waiting, &to)?;
            let deadline = SystemTime::now() + waiting.time;
            let deadline = deadline.duration_since(UNIX_EPOCH).ok()?.as_millis();
            let (id, event) = (waiting.id, waiting.event);
            write!(
                to,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: {id}\r\n\
                 Lambda-Runtime-Deadline-Ms: {deadline}\r\n\
                 Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:000000000000:function:larder\r\n\
                 Content-Length: {}\r\n\r\n{event}",
                event.len()
            )
            .ok()?;
            continue;
        }
        let mut parts = path.strip_prefix("invocation/")?.split('/');
        let id = parts.next()?.parse().ok()?;
        let answer = if parts.next()? == "response" { Ok(body) } else { Err(body) };
        to.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").ok()?;
        tell.send((id, answer)).ok()?;
    }
}

/// The next event, for a process that is still there.
fn next(waiting: &Queue, stream: &TcpStream) -> Option<Waiting> {
    loop {
        // Looked at under the lock: a process that was killed before an event came is not given it.
        let mut events = waiting.lock().unwrap();
        if is_gone(stream) {
            return None;
        }
        if let Some(event) = events.pop_front() {
            return Some(event);
        }
        drop(events);
        thread::sleep(Duration::from_micros(200));
    }
}

fn is_gone(stream: &TcpStream) -> bool {
    let mut byte = [0];
    stream.set_nonblocking(true).unwrap();
    let peeked = stream.peek(&mut byte);
    stream.set_nonblocking(false).unwrap();
    !matches!(peeked, Err(e) if e.kind() == std::io::ErrorKind::WouldBlock)
}

/// The first line of a request, and its body.
fn request(from: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut first = String::new();
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        if first.is_empty() {
            first = line;
            continue;
        }
        let (name, value) = line.split_once(':')?;
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "transfer-encoding" => chunked = value.trim() == "chunked",
            _ => {}
        }
    }
    let mut body = vec![0; length];
    if !chunked {
        from.read_exact(&mut body).ok()?;
        return Some((first, String::from_utf8(body).ok()?));
    }
    loop {
        let mut size = String::new();
        from.read_line(&mut size).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        from.read_exact(&mut chunk).ok()?;
        if size == 0 {
            return Some((first, String::from_utf8(body).ok()?));
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

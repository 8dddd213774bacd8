//! Connections: made when they are first needed, shared, and made anew when they turn out to be dead.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ::redis::{Cmd, Pipeline, RedisError, ServerErrorKind, Value};
use larder_store_core::{Env, Error, ErrorKind, Op, Result};

use super::command::{plain, together, with_text};
use super::config::{Node, RedisConfig};
use super::connection::{Connection, Dial};
use super::slots::{Slots, redirect};

/// How often one request follows a slot to another node.
const HOPS: usize = 5;

/// What a connection is for: a small request does not wait behind a large one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    Small,
    Bulk,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum To {
    /// To whoever has this slot.
    Slot(u16),
    /// To this server.
    Node(Node),
}

/// A connection that is there or will be.
#[derive(Default)]
struct Place {
    connection: Mutex<Option<Arc<Connection>>>,
    /// Held while it is made: how the last attempt failed, and when.
    making: tokio::sync::Mutex<Option<(Instant, Error)>>,
}

impl Place {
    fn ready(&self) -> Option<Arc<Connection>> {
        lock(&self.connection).clone().filter(|connection| connection.is_good())
    }
}

/// A connection, and to whom.
pub(super) type Reached = (Node, Arc<Connection>);

/// A request that got no answer.
#[derive(Debug)]
pub(super) struct Lost(pub(super) RedisError);

/// The connections of a store.
pub(super) struct Client {
    dial: Dial,
    env: Env,
    seeds: Vec<Node>,
    /// Whether slots are looked for; else everything is at the first seed.
    cluster: bool,
    /// Of each lane.
    places: [Mutex<HashMap<Node, Arc<Place>>>; 2],
    slots: Mutex<Seen>,
    /// Held while the cluster is looked at: how the last look failed, and when.
    looking: tokio::sync::Mutex<Option<(Instant, Error)>>,
}

/// What is known of a cluster.
#[derive(Default)]
struct Seen {
    slots: Option<Slots>,
    /// Something does not fit what is known.
    doubtful: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    pub(super) fn new(config: &RedisConfig, dial: Dial, env: Env) -> Result<Client> {
        Ok(Client {
            dial,
            env,
            seeds: config.seeds()?,
            cluster: config.cluster,
            places: Default::default(),
            slots: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
        })
    }

    /// Lets go of all connections.
    pub(super) fn clear(&self) {
        self.places.iter().for_each(|places| lock(places).clear());
    }

    /// A connection to where a request goes, if there is one.
    pub(super) fn ready(&self, lane: Lane, to: &To) -> Option<Reached> {
        let node = match to {
            To::Node(node) => node.clone(),
            To::Slot(slot) => self.known_owner(*slot)??,
        };
        let connection = self.place(&node, lane).ready()?;
        Some((node, connection))
    }

    /// The same, made now if there is none. Nothing is sent but what makes it.
    pub(super) async fn reach(&self, op: Op, lane: Lane, to: &To) -> Result<Reached> {
        let node = match to {
            To::Node(node) => node.clone(),
            To::Slot(slot) => self.owner(op, *slot).await?,
        };
        match self.connection(op, &node, lane).await {
            Ok(connection) => Ok((node, connection)),
            Err(error) => {
                self.doubt();
                Err(error)
            }
        }
    }

    fn place(&self, node: &Node, lane: Lane) -> Arc<Place> {
        let mut places = lock(&self.places[lane as usize]);
        match places.get(node) {
            Some(place) => place.clone(),
            None => places.entry(node.clone()).or_default().clone(),
        }
    }

    /// The connection to a server.
    async fn connection(&self, op: Op, node: &Node, lane: Lane) -> Result<Arc<Connection>> {
        let place = self.place(node, lane);
        if let Some(connection) = place.ready() {
            return Ok(connection);
        }
        let asked = self.env.now();
        let mut making = place.making.lock().await;
        // Whoever held the lock may have made it, or found out that it cannot be made.
        if let Some(connection) = place.ready() {
            return Ok(connection);
        }
        if let Some((at, error)) = making.as_ref().filter(|(at, _)| *at >= asked) {
            let _ = at;
            return Err(error.clone());
        }
        match self.dial.connect(op, node).await {
            Ok(connection) => {
                *lock(&place.connection) = Some(connection.clone());
                Ok(connection)
            }
            Err(error) => {
                *making = Some((self.env.now(), error.clone()));
                Err(error)
            }
        }
    }

    /// What is known of the cluster may be wrong: it is looked at before the next request.
    pub(super) fn doubt(&self) {
        lock(&self.slots).doubtful = true;
    }

    /// The primary of a slot, or that it has none; `None` if that is not known.
    fn known_owner(&self, slot: u16) -> Option<Option<Node>> {
        if !self.cluster {
            return Some(Some(self.seeds[0].clone()));
        }
        let seen = lock(&self.slots);
        seen.slots.as_ref().filter(|_| !seen.doubtful).map(|slots| slots.node(slot).cloned())
    }

    /// The primary of a slot.
    async fn owner(&self, op: Op, slot: u16) -> Result<Node> {
        let found = match self.known_owner(slot) {
            Some(found) => found,
            None => self.look(op).await?.node(slot).cloned(),
        };
        found.ok_or_else(|| {
            self.doubt();
            let why = format!("no node of the cluster has the slot {slot}");
            Error::new(ErrorKind::Unavailable, op, why)
                .hint("is the cluster whole? redis-cli --cluster check tells")
        })
    }

    /// Every primary of the cluster, or the one server.
    pub(super) async fn primaries(&self, op: Op) -> Result<Vec<Node>> {
        match self.cluster {
            false => Ok(self.seeds[..1].to_vec()),
            true => Ok(self.look(op).await?.nodes()),
        }
    }

    /// Asks the nodes that are known how the cluster is made up.
    async fn look(&self, op: Op) -> Result<Slots> {
        let asked = self.env.now();
        let mut looking = self.looking.lock().await;
        let known = {
            let seen = lock(&self.slots);
            match &seen.slots {
                Some(slots) if !seen.doubtful => return Ok(slots.clone()),
                slots => slots.clone(),
            }
        };
        if let Some((_, error)) = looking.as_ref().filter(|(at, _)| *at >= asked) {
            return Err(error.clone());
        }
        let mut nodes = known.as_ref().map(Slots::nodes).unwrap_or_default();
        nodes.extend(self.seeds.iter().filter(|seed| !nodes.contains(seed)).cloned().collect::<Vec<_>>());
        let mut last = None;
        for node in nodes {
            match self.ask_slots(op, &node).await {
                Ok(slots) => {
                    *lock(&self.slots) = Seen { slots: Some(slots.clone()), doubtful: false };
                    return Ok(slots);
                }
                Err(error) => last = Some(error),
            }
        }
        let error =
            last.unwrap_or_else(|| Error::new(ErrorKind::Unavailable, op, "no node of the cluster is known"));
        *looking = Some((self.env.now(), error.clone()));
        Err(error)
    }

    async fn ask_slots(&self, op: Op, node: &Node) -> Result<Slots> {
        let connection = self.connection(op, node, Lane::Small).await?;
        let command = together([plain("CLUSTER", &[b"SLOTS"])]);
        let answer = tokio::select! {
            biased;
            answer = connection.send(&command) => answer,
            () = self.env.sleep(super::connection::CONNECT) => {
                connection.broke();
                return Err(super::error::no_connection(op, node, super::connection::CONNECT));
            }
        };
        let answer = answer.map_err(|e| super::error::lost(op, false, &e))?;
        match &answer[..] {
            [Value::ServerError(said)] => Err(super::error::answered(op, said)),
            [answer] => Slots::read(answer, node).ok_or_else(|| {
                let why = format!("{node} does not say which slots the nodes of its cluster have");
                Error::new(ErrorKind::Unavailable, op, why)
            }),
            _ => Err(Error::new(ErrorKind::Unavailable, op, "the server's answer is incomplete")),
        }
    }

    /// Sends commands that all belong to one slot in one go; gives the answer of each.
    ///
    /// A command that was answered with "not here" or "what script?" did nothing: it is sent again where it belongs, or
    /// with the script's text. No other is sent twice.
    pub(super) async fn send(
        &self,
        op: Op,
        lane: Lane,
        reached: Reached,
        commands: Pipeline,
    ) -> Result<Vec<Value>, Lost> {
        let answers = reached.1.send(&commands).await.map_err(|e| self.lost(e))?;
        if !answers.iter().any(|answer| matches!(answer, Value::ServerError(_))) {
            return Ok(answers);
        }
        // Boxed, as is all that is seldom: the future of every request would be as large as the largest in it.
        Box::pin(self.follow_all(op, lane, reached, commands, answers)).await
    }

    /// Sends again what was not answered.
    async fn follow_all(
        &self,
        op: Op,
        lane: Lane,
        (mut node, mut connection): Reached,
        commands: Pipeline,
        mut answers: Vec<Value>,
    ) -> Result<Vec<Value>, Lost> {
        for _ in 0..HOPS {
            // All of them lie in one slot, and so they mostly go together.
            let everywhere =
                answers.iter().all(|answer| matches!(self.trouble(answer, &node), Trouble::Moved(_)));
            let (true, Some(Trouble::Moved(to))) =
                (everywhere, answers.first().map(|a| self.trouble(a, &node)))
            else {
                break;
            };
            self.doubt();
            // It cannot be reached: the answers say that nothing was done.
            let Ok(there) = self.connection(op, &to, lane).await else { return Ok(answers) };
            (node, connection) = (to, there);
            answers = connection.send(&commands).await.map_err(|e| self.lost(e))?;
        }
        for (command, answer) in commands.cmd_iter().zip(&mut answers) {
            self.follow(op, lane, (&node, &connection), command, answer).await?;
        }
        Ok(answers)
    }

    /// Sends one command again until its answer is one.
    async fn follow(
        &self,
        op: Op,
        lane: Lane,
        (node, connection): (&Node, &Arc<Connection>),
        command: &Cmd,
        answer: &mut Value,
    ) -> Result<(), Lost> {
        let (mut node, mut connection, mut asking) = (node.clone(), connection.clone(), false);
        for _ in 0..HOPS {
            let mut told = None;
            match self.trouble(answer, &node) {
                Trouble::None => return Ok(()),
                Trouble::Elsewhere => {
                    // Another one is, or will be, in its place.
                    self.doubt();
                    connection.broke();
                    return Ok(());
                }
                Trouble::NoScript => told = with_text(command),
                Trouble::Moved(to) | Trouble::Ask(to) => {
                    asking = matches!(self.trouble(answer, &node), Trouble::Ask(_));
                    if !asking {
                        self.doubt();
                    }
                    let Ok(there) = self.connection(op, &to, lane).await else { return Ok(()) };
                    (node, connection) = (to, there);
                }
            }
            let asking = asking.then(|| plain("ASKING", &[]));
            let sent = together(asking.into_iter().chain([told.unwrap_or_else(|| command.clone())]));
            let mut told = connection.send(&sent).await.map_err(|e| self.lost(e))?;
            match told.pop() {
                Some(last) => *answer = last,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Why an answer is none yet.
    fn trouble(&self, answer: &Value, node: &Node) -> Trouble {
        let Value::ServerError(said) = answer else { return Trouble::None };
        let to = || redirect(said.details().unwrap_or_default(), node).filter(|_| self.cluster);
        match said.kind() {
            Some(ServerErrorKind::NoScript) => Trouble::NoScript,
            Some(ServerErrorKind::Moved) => to().map_or(Trouble::None, |(_, to)| Trouble::Moved(to)),
            Some(ServerErrorKind::Ask) => to().map_or(Trouble::None, |(_, to)| Trouble::Ask(to)),
            Some(ServerErrorKind::ReadOnly | ServerErrorKind::ClusterDown | ServerErrorKind::MasterDown) => {
                Trouble::Elsewhere
            }
            _ => Trouble::None,
        }
    }

    fn lost(&self, error: RedisError) -> Lost {
        self.doubt();
        Lost(error)
    }
}

/// What keeps an answer from being one. Nothing was done.
enum Trouble {
    None,
    /// The server does not know the script by its hash.
    NoScript,
    /// The slot belongs to this node by now.
    Moved(Node),
    /// The slot is on its way to this node, and this once it is asked.
    Ask(Node),
    /// The server is not, or not now, the one to ask.
    Elsewhere,
}

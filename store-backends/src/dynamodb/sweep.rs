//! Chunks that belong to no value.

use larder_store_core::{Call, Op, Result, SweepOptions, Swept};

use super::item::{self, CHUNK, Found, HEAD, Item};
use super::list::Query;
use super::many::READS;
use super::register::{KEPT, MARKED, Set, UNSEEN};
use super::schema;
use super::single::Single;

const OP: Op = Op::Sweep;

impl Single {
    /// Removes sets of chunks that no head refers to: what killed and dropped writers left, and what batches and
    /// transactions replaced.
    ///
    /// A set whose writer may live stays for at least [`UNSEEN`], whatever is asked for, and one that was replaced for
    /// [`KEPT`].
    pub(super) async fn sweep_chunks(&self, options: &SweepOptions) -> Result<Swept> {
        let (wire, call) = (&self.wire, &options.call);
        let _busy = wire.begin(OP, call)?;
        let mut swept = Swept::default();
        let (register, mut token, mut expires) = (wire.names.sets(), None, None);
        loop {
            let query = Query {
                pk: &register,
                low: None,
                high: None,
                token: token.take(),
                limit: None,
                what: "pk, sk, q, k, t, d, n, z",
            };
            let (items, next) = wire.query(OP, call, query).await?;
            let sets: Vec<Set> = items.iter().filter_map(|item| self.known(item)).collect();
            let (dead, unseen): (Vec<_>, Vec<_>) =
                sets.into_iter().filter(|set| self.is_old(set, options)).partition(|set| set.dead.is_some());
            for set in dead {
                // What is marked is removed by the service, free of charge, where it does that.
                let by_service = match expires {
                    Some(known) => known,
                    None => *expires.insert(schema::expires(wire, OP, call).await?),
                };
                let now = item::nanos(wire.env.wall());
                let late = set.dead.is_some_and(|dead| now.saturating_sub(dead) > MARKED.as_nanos() as i64);
                if !by_service || late {
                    self.take(&mut swept, &set, options).await?;
                }
            }
            for some in unseen.chunks(READS) {
                for set in self.ownerless(some, call).await? {
                    self.take(&mut swept, set, options).await?;
                }
            }
            match next {
                Some(next) => token = Some(next),
                None => return Ok(swept),
            }
        }
    }

    fn known(&self, item: &Item) -> Option<Set> {
        let set = Set::of(item);
        if set.is_none() {
            tracing::warn!(store = %self.wire.id, "the register of chunks has an entry that is none");
        }
        set
    }

    /// Whether nobody can be at work with it any more.
    fn is_old(&self, set: &Set, options: &SweepOptions) -> bool {
        let (since, least) = match set.dead {
            Some(dead) => (dead, KEPT),
            None => (set.seen, UNSEEN),
        };
        let age = item::nanos(self.wire.env.wall()).saturating_sub(since);
        u128::try_from(age).is_ok_and(|age| age >= options.older_than.max(least).as_nanos())
    }

    /// Those to which the head of their key does not refer, and has not until a moment ago.
    async fn ownerless<'s>(&self, sets: &'s [Set], call: &Call) -> Result<Vec<&'s Set>> {
        let mut owners: Vec<_> = sets.iter().map(|set| &set.owner).collect();
        owners.sort_unstable();
        owners.dedup();
        let keys = owners.iter().map(|(pk, sk)| item::key(&**pk, sk)).collect();
        let heads = self.read_batches(OP, call, keys, "pk, sk, h").await;
        let heads: Vec<Option<Item>> = heads.into_iter().collect::<Result<_>>()?;
        let mut ownerless = Vec::new();
        for set in sets {
            let head = owners.binary_search(&&set.owner).ok().and_then(|at| heads[at].as_ref());
            let refers = match head.map(|head| Found::of(OP, head, None)) {
                None => false,
                Some(Ok(found)) => {
                    let age = self.wire.env.wall().duration_since(found.head.modified).unwrap_or_default();
                    found.chunks().is_some_and(|chunks| chunks.set == set.id) || age < KEPT
                }
                // Of what cannot be read nobody knows what it refers to.
                Some(Err(error)) => {
                    tracing::warn!(store = %self.wire.id, %error, set = set.name(), "its head cannot be read");
                    true
                }
            };
            // A head without a record is none of ours.
            let foreign = head.is_some_and(|head| !head.contains_key(HEAD));
            if !refers || foreign {
                ownerless.push(set);
            }
        }
        Ok(ownerless)
    }

    /// Removes a set.
    async fn take(&self, swept: &mut Swept, set: &Set, options: &SweepOptions) -> Result<()> {
        let call = &options.call;
        let mut removed = false;
        if !options.dry_run {
            // Marked first: a writer that still lives does not go on, and one that was seen meanwhile is left alone.
            if set.dead.is_none() && !self.wire.condemn(OP, call, set).await? {
                return Ok(());
            }
            self.remove_chunks(OP, call, &set.id, set.bound, true).await?;
            removed = true;
        }
        // As many bytes as there may be, where the writer did not know how many there would be.
        let bytes = set.bytes.unwrap_or(u64::from(set.bound) * u64::from(CHUNK));
        swept.count(|| set.name(), bytes, removed);
        Ok(())
    }
}

//! Removing objects.

use larder_store_core::{Call, DeleteOptions, Deleted, Error, ErrorKind, Key, Op, Removed, Result};

use super::condition::{Condition, gone, other};
use super::error::Said;
use super::wire::Wire;

/// What became of a request to remove an object.
enum Done {
    Removed,
    /// There was none.
    Absent,
    /// There is one with another generation than was named.
    Other,
}

impl Wire {
    /// Removes one value.
    pub(super) async fn delete(&self, op: Op, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        self.guarantees.check_delete(op, key, options.only.is_some())?;
        let (call, name) = (&options.call, self.names.of(op, key)?);
        if options.tell && options.only.is_none() {
            return self.delete_telling(op, call, &name).await;
        }
        let Some(named) = &options.only else {
            self.delete_one(op, call, &name, Condition::None).await?;
            // The service tells whether there was an object, and not whether its value had expired.
            return Ok(Removed::new(Deleted::NotTold));
        };
        let mut condition = self.still(op, call, &name, named).await?;
        loop {
            match self.delete_one(op, call, &name, condition).await? {
                Done::Removed => return Ok(Removed::new(Deleted::Yes)),
                Done::Absent => return Err(gone(op)),
                // A write that was sent twice is the same version with another generation.
                Done::Other => match self.current(op, call, &name).await? {
                    Some(now) if now.expired => return Err(gone(op)),
                    Some(now) if now.is(named) && condition != Condition::Match(now.generation) => {
                        condition = Condition::Match(now.generation);
                    }
                    Some(now) => return Err(other(op, Some(now.version))),
                    None => return Err(gone(op)),
                },
            }
        }
    }

    /// Removes a value, and tells whether there was one. What was seen is what is removed: a value that somebody puts
    /// meanwhile is looked at anew. A service without conditional deletes removes what it has by then, and what was
    /// seen is told.
    async fn delete_telling(&self, op: Op, call: &Call, name: &str) -> Result<Removed> {
        let mut refused = None;
        loop {
            let Some(now) = self.current(op, call, name).await? else {
                return Ok(Removed::new(Deleted::No));
            };
            let condition = match self.guarantees.conditional_delete {
                true => Condition::Match(now.generation),
                false => Condition::None,
            };
            match self.delete_one(op, call, name, condition).await? {
                Done::Removed if !now.expired => return Ok(Removed::new(Deleted::Yes)),
                Done::Removed | Done::Absent => return Ok(Removed::new(Deleted::No)),
                Done::Other if refused == Some(condition) => {
                    let why = "a delete of what stands there is refused as if something else did";
                    let hint =
                        "if it stays so: is the object under a hold, or the bucket under a retention policy?";
                    return Err(Error::new(ErrorKind::Unavailable, op, why).hint(hint));
                }
                Done::Other => refused = Some(condition),
            }
        }
    }

    /// One request.
    async fn delete_one(&self, op: Op, call: &Call, name: &str, condition: Condition) -> Result<Done> {
        let (live, client) = self.control(op, call).await?;
        let request = client
            .delete_object()
            .set_bucket(self.bucket.as_str())
            .set_object(name)
            .set_or_clear_if_generation_match(condition.generation())
            .send();
        match self.write(op, call, &live, 0, request).await? {
            Ok(_) => Ok(Done::Removed),
            Err(failure) if failure.is(Said::Precondition) => Ok(Done::Other),
            Err(failure) if self.is_absent(op, call, &failure).await? => Ok(Done::Absent),
            Err(failure) => Err(failure.into()),
        }
    }
}

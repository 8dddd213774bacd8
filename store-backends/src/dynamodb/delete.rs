//! Removing values.

use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure as OnRefusal};
use larder_store_core::{DeleteOptions, Deleted, Key, Op, Precondition, Removed, Result};

use super::condition::{Condition, Refused, gone, refused};
use super::error::REFUSED;
use super::item::{self, Found};
use super::single::Single;

impl Single {
    /// Removes one value by one request, which tells whether there was one.
    pub(super) async fn delete(&self, op: Op, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        let (wire, call) = (&self.wire, &options.call);
        wire.guarantees.check_delete(op, key, options.only.is_some())?;
        let now = wire.env.wall();
        let condition = Condition::of_only(op, options.only.as_ref(), now)?;
        let pk = wire.home(op, call, key, false).await?;
        let live = wire.live(op, call).await?;
        let mut request = live
            .sdk
            .delete_item()
            .table_name(wire.table())
            .set_key(Some(item::key(&*pk, key.as_bytes())))
            .return_values(ReturnValue::AllOld);
        if let Some(condition) = condition {
            request = request
                .condition_expression(condition.expression)
                .set_expression_attribute_values(condition.values())
                .return_values_on_condition_check_failure(OnRefusal::AllOld);
        }
        let failure = match wire.write(op, call, &live, "dynamodb:DeleteItem", 0, request.send()).await? {
            Ok(done) => {
                let existed = match done.attributes() {
                    None => false,
                    Some(old) => match Found::of(op, old, Some(key)) {
                        Ok(found) => {
                            if let Some(chunks) = found.chunks() {
                                self.bury(chunks);
                            }
                            options.only.is_some() || !found.head.is_expired(now)
                        }
                        // It is gone, whatever it was.
                        Err(error) => {
                            tracing::warn!(store = %wire.id, %error, "what was removed could not be read");
                            true
                        }
                    },
                };
                return Ok(Removed::new(if existed { Deleted::Yes } else { Deleted::No }));
            }
            Err(failure) if failure.has_code(REFUSED) => failure,
            Err(failure) => return Err(failure.into()),
        };
        let Some(only) = &options.only else { return Err(failure.into()) };
        let current = Box::pin(wire.in_the_way(op, call, key, &pk, failure.more.item)).await?;
        match refused(op, &Precondition::Matches(only.clone()), None, wire.env.wall(), current) {
            Refused::Error(error) => Err(error),
            // Without a write id nothing is taken for one's own.
            Refused::Mine(..) => Err(gone(op)),
        }
    }
}

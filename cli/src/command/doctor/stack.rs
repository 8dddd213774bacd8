//! Each tier by itself, then all together.

use larder::config::StackConfig;
use larder::tiered::Breaker;
use larder::{Call, OpenOptions, Registry, Role, Store, TieredStore};

use super::report::Report;
use super::store::{self, Seen};
use crate::error::Result;

/// Looks at one store, or at the tiers of a stack and at what they come to.
pub(super) async fn examine(
    report: &mut Report<'_>,
    registry: &Registry,
    stack: &StackConfig,
    read_only: bool,
) -> Result {
    if let Some(alone) = stack.alone() {
        store::examine(report, registry, alone, Role::Alone, read_only).await?;
        return Ok(());
    }
    let last = stack.tiers().len() - 1;
    let mut all = Seen::Works;
    for (n, tier) in stack.tiers().iter().enumerate() {
        report.about_tier(Some(n + 1));
        let role = if n == last { Role::Origin } else { Role::Front };
        all = all.min(store::examine(report, registry, tier, role, read_only).await?);
    }
    report.about_tier(None);
    match all {
        Seen::Works => together(report, registry, stack).await,
        Seen::NotThere => freshness(report, stack),
        Seen::Fails => Ok(()),
    }
}

/// Opens the stack, which decides how fresh answers must be and attaches the fence.
async fn together(report: &mut Report<'_>, registry: &Registry, stack: &StackConfig) -> Result {
    let cx = report.cx;
    let options = OpenOptions::new().with_create_if_missing(false).with_env(cx.env.clone());
    let opened = cx.until_cancelled(TieredStore::open(registry, stack, &options)).await?;
    let store = match opened {
        Ok(store) => store,
        Err(error) => return report.error("stack", &error),
    };
    let stats = store.stats();
    let closed = store.close(&Call::within(&cx.env, store::PATIENCE)).await;
    let fence = match stats.fence.shared {
        true => "shared by the processes of this host",
        false => "of each process by itself",
    };
    let fresh = stack.policy().fresh.map_or("as the fence tells".into(), |fresh| format!("fresh={fresh}"));
    report.ok("stack", format!("answers {fresh}; the fence is {fence}"))?;
    for tier in stats.tiers.iter().filter(|tier| tier.breaker != Breaker::Closed) {
        let found = format!("tier {} cannot be used, and is passed by", tier.tier + 1);
        report.warning("stack", found, "its own steps above say why; -v tells more")?;
    }
    match closed {
        Ok(()) => Ok(()),
        Err(error) => report.doubt("stack", &error),
    }
}

/// What can be said of a stack that would make something if it were opened.
fn freshness(report: &mut Report<'_>, stack: &StackConfig) -> Result {
    match stack.policy().fresh {
        Some(fresh) => {
            report.ok("stack", format!("answers fresh={fresh}; not opened, as that would make a tier"))
        }
        None => report.warning(
            "stack",
            "it does not say how fresh answers must be; not opened, as that would make a tier",
            "say fresh=30s, always, immutable or sole_writer, unless nobody else can write the last tier",
        ),
    }
}

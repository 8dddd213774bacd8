//! Secrets from where they are kept: a parameter that is a secret may say `env:NAME` or `file:PATH`.

use larder::config::{Param, StackConfig, StoreConfig};
use larder::{Registry, Secret};

use crate::error::{Failure, Result};
use crate::exit::Exit;

/// The most that a file of a secret may hold.
const LONGEST: u64 = 64 << 10;

/// Puts secrets into their places. Only parameters that the backend calls secret are looked at.
pub(crate) fn fill(stack: StackConfig, registry: &Registry) -> Result<StackConfig> {
    let names = |tier: &StoreConfig| {
        let secret = |param: &&Param| param.secret;
        registry.params(tier.scheme()).iter().filter(secret).map(|param| param.name).collect::<Vec<_>>()
    };
    let mut tiers = stack.tiers().to_vec();
    for tier in &mut tiers {
        for name in names(tier) {
            if let Some(secret) = tier.param(name).map(|text| look_up(name, text)).transpose()?.flatten() {
                *tier = tier.clone().with_param(name, secret);
            }
        }
    }
    Ok(StackConfig::from_tiers(tiers)?.with_policy(stack.policy().clone())?)
}

/// What the text of a secret parameter leads to; `None`: it is the secret itself.
fn look_up(param: &str, text: &str) -> Result<Option<Secret>> {
    if let Some(name) = text.strip_prefix("env:") {
        let unset = || {
            // Not the name: whoever wrote a secret of this form would find it in a log.
            Failure::usage(format!("{param} is to come from the environment, and there is no such variable"))
                .hint(format!("{param}=env:NAME takes the value of NAME"))
        };
        return std::env::var(name).map(|value| Some(Secret::new(value))).map_err(|_| unset());
    }
    let Some(path) = text.strip_prefix("file:") else { return Ok(None) };
    read(path).map(Some).map_err(|why| {
        Failure::own(Exit::Usage, format!("{param} is to come from a file, which cannot be read: {why}"))
            .hint(format!("{param}=file:PATH takes what the file holds, a line end at its end left out"))
    })
}

fn read(path: &str) -> Result<Secret, String> {
    use std::io::Read;
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    file.take(LONGEST + 1).read_to_string(&mut text).map_err(|e| e.to_string())?;
    if text.len() as u64 > LONGEST {
        return Err(format!("it has more than {LONGEST} bytes"));
    }
    Ok(Secret::new(text.strip_suffix('\n').map(|t| t.strip_suffix('\r').unwrap_or(t)).unwrap_or(&text)))
}

#[cfg(all(test, feature = "s3"))]
mod tests {
    use super::*;

    #[test]
    fn secrets_come_from_files_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "hunter2\n").unwrap();
        let text = format!(
            "memory: | s3://bucket/p?access_key=file:{}&secret_key=plain&region=env:HOME&fresh=30s",
            path.display()
        );
        let filled = fill(text.parse().unwrap(), &larder::registry()).unwrap();
        let origin = &filled.tiers()[1];
        assert_eq!(origin.param("access_key"), Some("hunter2"));
        assert_eq!(origin.param("secret_key"), Some("plain"));
        assert_eq!(origin.param("region"), Some("env:HOME"));
        assert!(filled.policy().fresh.is_some());
        let gone = "s3://bucket?access_key=file:/no/such/file".parse().unwrap();
        assert!(fill(gone, &larder::registry()).is_err());
    }
}

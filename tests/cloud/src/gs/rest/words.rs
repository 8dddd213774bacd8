//! The parameters of a request. What nobody takes is refused, not ignored.

use percent_encoding::percent_decode_str;

use crate::gs::bucket::Conditions;
use crate::gs::refusal::Refusal;

/// Parameters that were not taken yet.
#[derive(Debug)]
pub(super) struct Words(Vec<(String, String)>);

impl Words {
    pub(super) fn of(query: Option<&str>) -> Result<Self, Refusal> {
        let decode = |text: &str| {
            let text = text.replace('+', " ");
            let decoded = percent_decode_str(&text).decode_utf8();
            decoded.map(|text| text.into_owned()).map_err(|_| Refusal::invalid("A parameter is not UTF-8."))
        };
        let mut words: Vec<(String, String)> = Vec::new();
        for pair in query.unwrap_or("").split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if words.iter().any(|(known, _)| *known == name) {
                return Err(Refusal::Invalid(format!("Parameter {name:?} stands twice.")));
            }
            words.push((name, value));
        }
        Ok(Self(words))
    }

    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    pub(super) fn number(&mut self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.take(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Refusal::Invalid(format!("Invalid value for {name}: {text:?}")))
    }

    pub(super) fn conditions(&mut self) -> Result<Conditions, Refusal> {
        Ok(Conditions {
            generation_match: self.number("ifGenerationMatch")?,
            generation_not_match: self.number("ifGenerationNotMatch")?,
            metageneration_match: self.number("ifMetagenerationMatch")?,
            metageneration_not_match: self.number("ifMetagenerationNotMatch")?,
        })
    }

    /// Refuses what is left.
    pub(super) fn done(self) -> Result<(), Refusal> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(Refusal::Invalid(format!("Unknown parameter {name:?}."))),
        }
    }
}

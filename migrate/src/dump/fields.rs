//! What a line of JSON holds, by name: read without ever building what no line has, so that a list of a million lists
//! takes no more memory than the line it is in.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::damage::{Damage, Result};
use super::item::{Budget, MAX_FIELDS};

/// The most names that a line has, those of a later version included.
const MAX_NAMES: usize = 32;

/// A line's names, as long as nobody took them.
pub(super) struct Fields(Vec<(String, Field)>);

/// What stands beside a name.
enum Field {
    Text(String),
    Number(u64),
    Negative(i64),
    /// An object of texts, in their order.
    Texts(Vec<(String, String)>),
    Other,
}

impl Fields {
    /// Reads a line.
    pub(super) fn read(line: &[u8]) -> Result<Fields> {
        serde_json::from_slice(line)
            .map_err(|_| Damage::Wrong("a line that is no JSON object, or holds more than lines can"))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| other == name)
    }

    fn take(&mut self, name: &str) -> Option<Field> {
        let at = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// Takes something whose value says nothing.
    pub(super) fn take_flag(&mut self, name: &str) -> bool {
        self.take(name).is_some()
    }

    pub(super) fn take_text(&mut self, name: &str) -> Result<Option<String>> {
        match self.take(name) {
            None => Ok(None),
            Some(Field::Text(text)) => Ok(Some(text)),
            Some(_) => Err(Damage::Wrong("a field that should be text")),
        }
    }

    pub(super) fn take_number(&mut self, name: &str) -> Result<u64> {
        match self.take(name) {
            Some(Field::Number(n)) => Ok(n),
            _ => Err(Damage::Wrong("a number is missing")),
        }
    }

    pub(super) fn take_nanos(&mut self, name: &str) -> Result<Option<i64>> {
        let nanos = match self.take(name) {
            None => return Ok(None),
            Some(Field::Number(n)) => i64::try_from(n).ok(),
            Some(Field::Negative(n)) => Some(n),
            Some(_) => None,
        };
        nanos.map(Some).ok_or(Damage::Wrong("a time that is no whole number of nanoseconds"))
    }

    /// Takes an object of texts, and pays for each.
    pub(super) fn take_texts(&mut self, name: &str, budget: &mut Budget) -> Result<Vec<(String, String)>> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Field::Texts(texts)) => {
                budget.fields(texts.len() as u64)?;
                Ok(texts)
            }
            Some(_) => Err(Damage::Wrong("attributes that are no object of texts")),
        }
    }

    pub(super) fn nothing_left(&self) -> Result<()> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(Damage::Unknown("a line has a field that is not known here")),
        }
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Fields, D::Error> {
        struct Line;
        impl<'de> Visitor<'de> for Line {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Fields, A::Error> {
                let mut fields = Fields(Vec::new());
                while let Some((name, field)) = map.next_entry::<String, Field>()? {
                    if fields.has(&name) || fields.0.len() == MAX_NAMES {
                        return Err(Error::custom("a name twice, or too many"));
                    }
                    fields.0.push((name, field));
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Line)
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Field, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Field;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_str<E>(self, text: &str) -> std::result::Result<Field, E> {
                Ok(Field::Text(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> std::result::Result<Field, E> {
                Ok(Field::Text(text))
            }

            fn visit_u64<E>(self, n: u64) -> std::result::Result<Field, E> {
                Ok(Field::Number(n))
            }

            fn visit_i64<E>(self, n: i64) -> std::result::Result<Field, E> {
                Ok(u64::try_from(n).map_or(Field::Negative(n), Field::Number))
            }

            fn visit_f64<E>(self, _: f64) -> std::result::Result<Field, E> {
                Ok(Field::Other)
            }

            fn visit_bool<E>(self, _: bool) -> std::result::Result<Field, E> {
                Ok(Field::Other)
            }

            fn visit_unit<E>(self) -> std::result::Result<Field, E> {
                Ok(Field::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Field, A::Error> {
                pass_over(|| seq.next_element::<IgnoredAny>())?;
                Ok(Field::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Field, A::Error> {
                let mut texts = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    match map.next_value::<Text>()? {
                        Text(Some(text)) if texts.len() < MAX_FIELDS as usize => texts.push((name, text)),
                        _ => {
                            drop(texts);
                            pass_over(|| map.next_entry::<IgnoredAny, IgnoredAny>())?;
                            return Ok(Field::Other);
                        }
                    }
                }
                Ok(Field::Texts(texts))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Passes over what is left of a list or an object, if that is not more than a segment could hold.
fn pass_over<T, E: Error>(
    mut next: impl FnMut() -> std::result::Result<Option<T>, E>,
) -> std::result::Result<(), E> {
    for _ in 0..MAX_FIELDS {
        if next()?.is_none() {
            return Ok(());
        }
    }
    Err(E::custom("more than lines can hold"))
}

/// A text, or something else that is passed over.
struct Text(Option<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Text, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_str<E>(self, text: &str) -> std::result::Result<Text, E> {
                Ok(Text(Some(text.to_owned())))
            }

            fn visit_u64<E>(self, _: u64) -> std::result::Result<Text, E> {
                Ok(Text(None))
            }

            fn visit_i64<E>(self, _: i64) -> std::result::Result<Text, E> {
                Ok(Text(None))
            }

            fn visit_f64<E>(self, _: f64) -> std::result::Result<Text, E> {
                Ok(Text(None))
            }

            fn visit_bool<E>(self, _: bool) -> std::result::Result<Text, E> {
                Ok(Text(None))
            }

            fn visit_unit<E>(self) -> std::result::Result<Text, E> {
                Ok(Text(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Text, A::Error> {
                pass_over(|| seq.next_element::<IgnoredAny>())?;
                Ok(Text(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Text, A::Error> {
                pass_over(|| map.next_entry::<IgnoredAny, IgnoredAny>())?;
                Ok(Text(None))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_once() {
        let line = br#"{"key":"a","n":7,"at":-3,"attributes":{"x":"1","y":"2"},"flag":true,"list":[[{}]]}"#;
        let mut fields = Fields::read(line).unwrap();
        assert_eq!(fields.take_text("key").unwrap().as_deref(), Some("a"));
        assert_eq!(fields.take_text("key").unwrap(), None);
        assert_eq!(fields.take_number("n").unwrap(), 7);
        assert_eq!(fields.take_nanos("at").unwrap(), Some(-3));
        let mut budget = Budget::default();
        assert_eq!(fields.take_texts("attributes", &mut budget).unwrap().len(), 2);
        assert!(fields.take_flag("flag"));
        assert!(matches!(fields.nothing_left(), Err(Damage::Unknown(_))));
        assert!(fields.take_text("list").is_err());
        fields.nothing_left().unwrap();
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for bad in ["", "[]", "7", "{\"a\":1,\"a\":2}", "{\"a\":", "{\"a\":1}x", "{1:2}"] {
            assert!(matches!(Fields::read(bad.as_bytes()), Err(Damage::Wrong(_))), "{bad}");
        }
        let many: Vec<_> = (0..=MAX_NAMES).map(|n| format!("\"{n}\":0")).collect();
        assert!(Fields::read(format!("{{{}}}", many.join(",")).as_bytes()).is_err());
        let mut odd = Fields::read(br#"{"attributes":{"a":1},"expires":1.5,"size":-1}"#).unwrap();
        assert!(odd.take_texts("attributes", &mut Budget::default()).is_err());
        assert!(odd.take_nanos("expires").is_err());
        assert!(odd.take_number("size").is_err());
    }
}

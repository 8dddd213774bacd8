//! Filters as JSON, for command lines and requests.

mod read;
mod tree;
mod write;

use larder_store_core::Result;

use super::Filter;

impl Filter {
    /// Reads a filter from JSON, in which it is an object with one word:
    ///
    /// - `{"eq": {"lang": "en"}}` and `{"in": {"lang": ["en", "de"]}}`
    /// - `{"range": {"year": {"gte": 2019, "lt": 2022}}}`, with `gt`, `gte`, `lt` and `lte`
    /// - `{"exists": "author.name"}`
    /// - `{"and": [...]}`, `{"or": [...]}` and `{"not": {...}}`
    ///
    /// Paths are texts as in [`Path`](super::Path): a dot within a key is `\.`, which JSON writes `"\\."`.
    ///
    /// Values are texts, numbers, `true`, `false` and `null`. A number without a point and an exponent is an integer
    /// from -2^63 to 2^64 - 1; any other one is the float that is nearest to it. For what JSON has no words for there
    /// are `{"bytes": "00ff"}`, with digits of base 16, `{"int": "-18446744073709551616"}` and `{"float": "-inf"}`.
    ///
    /// What the limits of [`compile`](Filter::compile) say is left to it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](larder_store_core::ErrorKind::Invalid) for text that is no JSON or nests too deep for any
    /// filter, for an unknown word, which is named beside those that are allowed, for a word that is there twice, and
    /// for values that are none.
    ///
    /// ```
    /// use larder_vector::Filter;
    /// let filter = Filter::from_json(r#"{"range": {"year": {"gte": 2019, "lt": 2022}}}"#)?;
    /// assert_eq!(filter, Filter::range("year", 2019..2022));
    /// let error = Filter::from_json(r#"{"near": {}}"#).unwrap_err();
    /// assert!(error.why().contains("\"near\""));
    /// # Ok::<(), larder_store_core::Error>(())
    /// ```
    pub fn from_json(text: &str) -> Result<Filter> {
        read::filter(tree::parse(text)?)
    }

    /// Writes it as JSON, which [`from_json`](Filter::from_json) reads back as the same filter.
    ///
    /// A [`Path`](super::Path) without a key is written as an empty text, which is read as a path with an empty key; a
    /// compiled filter has neither.
    ///
    /// ```
    /// # use larder_vector::Filter;
    /// assert_eq!(Filter::range("year", 2019..).to_json(), r#"{"range":{"year":{"gte":2019}}}"#);
    /// ```
    pub fn to_json(&self) -> String {
        write::filter(self).to_string()
    }
}

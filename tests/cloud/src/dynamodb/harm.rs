//! What the proxy does to requests.

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// The service says that it has too much to do; nothing was done.
    Throttle,
    /// The service says that others write the same item; nothing was done.
    Contended,
    /// The connection ends before the service hears of it.
    LoseRequest,
    /// It is done, and the connection ends before the answer is there.
    LoseAnswer,
    /// It is done, and the answer says that something went wrong inside.
    FailAfter,
}

/// When something goes wrong.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The operation, as `PutItem`.
    pub operation: &'static str,
    /// What happens.
    pub harm: Harm,
    /// To how many of its requests, on an average: 1.0 for each.
    pub share: f64,
    /// After how many such requests it begins.
    pub after: u64,
    /// How often at most.
    pub most: u64,
}

impl Rule {
    /// It happens to the next request of this operation.
    pub fn once(operation: &'static str, harm: Harm) -> Rule {
        Rule { operation, harm, share: 1.0, after: 0, most: 1 }
    }

    /// It happens to this share of all requests of this operation.
    pub fn often(operation: &'static str, harm: Harm, share: f64) -> Rule {
        Rule { operation, harm, share, after: 0, most: u64::MAX }
    }

    /// It begins after so many requests of the operation.
    pub fn after(mut self, requests: u64) -> Rule {
        self.after = requests;
        self
    }
}

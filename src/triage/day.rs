//! Days in files: `expires = 2027-01-31`, as a date or as text.

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, de::Error as _};

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(pub(super) Date);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match toml::Value::deserialize(deserializer)? {
            toml::Value::Datetime(date) => date.to_string(),
            toml::Value::String(text) => text,
            _ => String::new(),
        };
        let is_day = text.len() == "2027-01-31".len();
        is_day
            .then(|| text.parse().ok())
            .flatten()
            .map(Self)
            .ok_or_else(|| D::Error::custom("a day is wanted, such as 2027-01-31"))
    }
}

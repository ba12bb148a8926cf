//! Lists and maps with a bound on their entries. A message of a few megabytes would otherwise become
//! millions of little allocations.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Entries of any list or map.
pub(crate) const ENTRIES_MAX: usize = 1024;

/// Reads a list.
pub(crate) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(ListVisitor(PhantomData))
}

/// Reads an object as a map. Of equal keys the last counts.
pub(crate) fn map<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_map(MapVisitor(PhantomData))
}

/// Reads an object, or `null`, as a map.
pub(crate) fn optional_map<'de, D>(deserializer: D) -> Result<Option<BTreeMap<String, String>>, D::Error>
where
    D: Deserializer<'de>,
{
    let map = Option::<Map>::deserialize(deserializer)?;
    Ok(map.map(|Map(map)| map))
}

/// Reads an object whose values are lists of strings.
pub(crate) fn map_of_lists<'de, D>(deserializer: D) -> Result<BTreeMap<String, Vec<String>>, D::Error>
where
    D: Deserializer<'de>,
{
    let map = map::<D, List>(deserializer)?;
    Ok(map.into_iter().map(|(name, List(values))| (name, values)).collect())
}

#[derive(serde::Deserialize)]
#[serde(transparent)]
struct List(#[serde(deserialize_with = "list")] Vec<String>);

#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Map(#[serde(deserialize_with = "map")] BTreeMap<String, String>);

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {ENTRIES_MAX} entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element()? {
            if list.len() == ENTRIES_MAX {
                return Err(A::Error::custom(format_args!("a list of more than {ENTRIES_MAX} entries")));
            }
            list.push(entry);
        }
        Ok(list)
    }
}

struct MapVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for MapVisitor<T> {
    type Value = BTreeMap<String, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object of at most {ENTRIES_MAX} entries")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((name, value)) = entries.next_entry()? {
            if map.len() == ENTRIES_MAX {
                return Err(A::Error::custom(format_args!("an object of more than {ENTRIES_MAX} entries")));
            }
            map.insert(name, value);
        }
        Ok(map)
    }
}

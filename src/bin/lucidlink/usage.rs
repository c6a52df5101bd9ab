//! How much there is in a filespace, how much there may be, and that it is safe.

use lucidlink::fs::Usage;
use serde_json::{Value, json};

use crate::args::{Common, Quota};
use crate::output::{Failure, Output, complain};
use crate::session::{Purpose, in_each_filespace, in_filespace};

pub(crate) fn df(common: &Common, filespace: Option<&str>) -> Result<(), Failure> {
    if let Some(name) = filespace {
        return in_filespace(common, name, Purpose::Reading, |fs| {
            print(common, name, &df_fields(&fs.usage()?))
        });
    }
    let mut all_were_read = true;
    in_each_filespace(common, |name, fs| match fs.and_then(|fs| fs.usage()) {
        Ok(usage) => print(common, name, &df_fields(&usage)),
        Err(error) => {
            complain(common.json, error.status(), &format!("filespace {name:?}: {error}"));
            all_were_read = false;
            Ok(())
        }
    })?;
    if all_were_read { Ok(()) } else { Err(Failure::Partly) }
}

pub(crate) fn quota(common: &Common, quota: &Quota) -> Result<(), Failure> {
    let name = &quota.filespace;
    if quota.bytes.is_none() && quota.entries.is_none() {
        return in_filespace(common, name, Purpose::Reading, |fs| {
            print(common, name, &quota_fields(&fs.usage()?))
        });
    }
    in_filespace(common, name, Purpose::Writing, |fs| {
        let now = fs.usage()?;
        let bytes = quota.bytes.map_or(now.quota_bytes, |limit| limit.0);
        let entries = quota.entries.map_or(now.quota_entries, |limit| limit.0);
        Ok(fs.set_quota(bytes, entries)?)
    })
}

pub(crate) fn sync(common: &Common, filespace: &str) -> Result<(), Failure> {
    in_filespace(common, filespace, Purpose::Writing, |fs| Ok(fs.link().sync().map(drop)?))
}

fn df_fields(usage: &Usage) -> Vec<(&'static str, Value)> {
    let counters = &usage.counters;
    let mut fields = vec![
        ("files", json!(counters.files)),
        ("directories", json!(counters.directories)),
        ("symlinks", json!(counters.symlinks)),
        ("bytes", number(counters.bytes())),
        ("stored", number(counters.stored())),
    ];
    fields.extend(quota_fields(usage));
    fields
}

/// Null where there is no limit.
fn quota_fields(usage: &Usage) -> Vec<(&'static str, Value)> {
    let limit = |limit: u64| if limit == 0 { Value::Null } else { json!(limit) };
    vec![("quota_bytes", limit(usage.quota_bytes)), ("quota_entries", limit(usage.quota_entries))]
}

/// Sums of sizes can be larger than any JSON number is safe for; nothing that is real is.
fn number(sum: u128) -> Value {
    json!(u64::try_from(sum).unwrap_or(u64::MAX))
}

fn print(common: &Common, name: &str, fields: &[(&'static str, Value)]) -> Result<(), Failure> {
    let mut out = Output::new();
    let fields = [("name", json!(name))].into_iter().chain(fields.iter().cloned());
    if common.json {
        out.json(&fields.collect())?;
        return out.finish();
    }
    for (field, value) in fields {
        let text = match &value {
            Value::Null => "none".to_owned(),
            Value::String(text) => out.name(text),
            value => value.to_string(),
        };
        out.line(&format!("{field}: {text}"))?;
    }
    out.finish()
}

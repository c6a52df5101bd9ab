//! What keeps a filespace in order.

use std::time::Duration;

use lucidlink::filespace::fsck::{Checkup, Finding};
use serde_json::{Value, json};

use crate::args::{Common, Fsck, Gc};
use crate::output::{Failure, Output};
use crate::session::{Purpose, in_filespace, linked};
use crate::time::parse_span;

pub(crate) fn checkpoint(common: &Common, filespace: &str) -> Result<(), Failure> {
    in_filespace(common, filespace, Purpose::Writing, |fs| Ok(fs.link().checkpoint()?))
}

pub(crate) fn gc(common: &Common, gc: &Gc) -> Result<(), Failure> {
    let grace = parse_span(&gc.grace)
        .and_then(|nanos| u64::try_from(nanos).ok())
        .ok_or_else(|| Failure::Usage(format!("--grace: {:?} is no span such as 7d, 12h or 0s", gc.grace)))?;
    let purpose = if gc.dry_run { Purpose::Reading } else { Purpose::Writing };
    in_filespace(common, &gc.filespace, purpose, |fs| {
        let collected = fs.link().collect(gc.dry_run, Duration::from_nanos(grace))?;
        let fields = [
            ("dead_packs", collected.dead),
            ("dead_bytes", collected.dead_bytes),
            ("waiting_packs", collected.waiting),
            ("pinned_packs", collected.pinned),
            ("orphans", collected.orphans),
            ("unfinished", collected.unfinished),
        ];
        let mut out = Output::new();
        if common.json {
            let mut object: serde_json::Map<String, Value> =
                fields.iter().map(|(field, count)| ((*field).to_owned(), json!(count))).collect();
            object.insert("name".to_owned(), json!(gc.filespace));
            object.insert("dry_run".to_owned(), json!(gc.dry_run));
            out.json(&Value::Object(object))?;
        } else {
            fields.iter().try_for_each(|(field, count)| out.line(&format!("{field}: {count}")))?;
        }
        out.finish()
    })
}

pub(crate) fn fsck(common: &Common, fsck: &Fsck) -> Result<(), Failure> {
    let name = &fsck.filespace;
    let reading = Purpose::Reading.request();
    let request = match &fsck.snapshot {
        Some(snapshot) => reading.snapshot(snapshot.clone()),
        None => reading,
    };
    linked(common, name, request, |_, fs| {
        let checkup = fs.link().fsck(fsck.quick)?;
        let mut out = Output::new();
        if common.json {
            let mut object: serde_json::Map<String, Value> =
                counts(&checkup).map(|(field, count)| (field.to_owned(), json!(count))).collect();
            object.insert("name".to_owned(), json!(name));
            object.insert("findings".to_owned(), checkup.findings.iter().map(finding_fields).collect());
            object.insert("unlisted".to_owned(), json!(checkup.unlisted));
            out.json(&Value::Object(object))?;
        } else {
            for Finding { object, path, offset, length, what } in &checkup.findings {
                out.line(&format!("{}\t{offset}\t{length}\t{object}: {what}", out.name(path)))?;
            }
            for (field, count) in counts(&checkup) {
                out.line(&format!("{field}: {count}"))?;
            }
            out.line(&format!("findings: {}", checkup.findings.len() as u64 + checkup.unlisted))?;
        }
        out.finish()?;
        if checkup.findings.is_empty() { Ok(()) } else { Err(Failure::Partly) }
    })
}

fn counts(checkup: &Checkup) -> impl Iterator<Item = (&'static str, u64)> {
    [
        ("position", checkup.position.0),
        ("slots", checkup.slots),
        ("void_slots", checkup.void_slots),
        ("checkpoints", checkup.checkpoints),
        ("entries", checkup.entries),
        ("extents", checkup.extents),
        ("packs", checkup.packs),
        ("blocks", checkup.blocks),
    ]
    .into_iter()
}

fn finding_fields(finding: &Finding) -> Value {
    let Finding { object, path, offset, length, what } = finding;
    json!({"path": path, "offset": offset, "length": length, "object": object, "message": what})
}

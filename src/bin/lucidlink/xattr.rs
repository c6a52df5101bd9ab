//! Extended attributes.

use std::os::unix::ffi::OsStrExt;

use lucidlink::state::ops::XattrMode;
use serde_json::json;

use crate::args::{Common, Xattr};
use crate::output::{Failure, Output};
use crate::session::{Purpose, where_it_is};

pub(crate) fn xattr(common: &Common, command: &Xattr) -> Result<(), Failure> {
    match command {
        Xattr::Get { at, name } => where_it_is(common, at, Purpose::Reading, |fs| {
            let value = fs.xattr(&at.path, name, true)?;
            let mut out = Output::new();
            match common.json {
                // Null where it is no text; the bytes are there always.
                true => out.json(&json!({
                    "name": name,
                    "value": std::str::from_utf8(&value).ok(),
                    "hex": hex(&value),
                }))?,
                false => out.bytes(&value)?,
            }
            out.finish()
        }),
        Xattr::Set { at, name, value } => where_it_is(common, at, Purpose::Writing, |fs| {
            Ok(fs.set_xattr(&at.path, name, value.as_bytes(), XattrMode::Either, true)?)
        }),
        Xattr::List(one) => where_it_is(common, &one.at, Purpose::Reading, |fs| {
            let mut out = Output::new();
            for xattr in fs.list_xattrs(&one.at.path, true)? {
                match common.json {
                    true => out.json(&json!({"name": xattr.name, "size": xattr.size}))?,
                    false => out.line(&out.name(&xattr.name))?,
                }
            }
            out.finish()
        }),
        Xattr::Rm { at, name } => {
            where_it_is(common, at, Purpose::Writing, |fs| Ok(fs.remove_xattr(&at.path, name, true)?))
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

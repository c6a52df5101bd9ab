//! Numbers of bytes as text.

use std::str::FromStr;

/// A number of bytes: digits, and K, M, G or T for units of 1024, 1024^2, 1024^3 or 1024^4.
#[derive(Clone, Copy)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let units = [('K', 10), ('M', 20), ('G', 30), ('T', 40)];
        let with_unit = |(unit, shift)| Some((text.strip_suffix(unit)?, shift));
        let (digits, shift) = units.into_iter().find_map(with_unit).unwrap_or((text, 0));
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let what = "write digits, and K, M, G or T behind them if wanted, for example 512 or 10M";
            return Err(what.to_owned());
        }
        let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1_u64 << shift));
        number.map(Size).ok_or_else(|| "it is 2^64 or more".to_owned())
    }
}

/// A limit as the library takes it: 0 is none.
#[derive(Clone, Copy)]
pub(crate) struct Limit(pub(crate) u64);

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Limit, String> {
        match text {
            "none" => Ok(Limit(0)),
            _ => match text.parse::<Size>()? {
                Size(0) => Err("a limit is at least 1; none is no limit".to_owned()),
                Size(number) => Ok(Limit(number)),
            },
        }
    }
}

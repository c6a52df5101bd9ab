//! Numbers of bytes as text.

use std::str::FromStr;

/// A number of bytes: digits, and K, M or G for units of 1024, 1024^2 or 1024^3.
#[derive(Clone, Copy)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let (digits, shift) = match text.strip_suffix(['K', 'M', 'G']) {
            Some(digits) if text.ends_with('K') => (digits, 10),
            Some(digits) if text.ends_with('M') => (digits, 20),
            Some(digits) => (digits, 30),
            None => (text, 0),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(
                "write digits, and K, M or G behind them if wanted, for example 512 or 10M".to_owned()
            );
        }
        let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
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

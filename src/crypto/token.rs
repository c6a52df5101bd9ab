//! A service-account token: `sa_live:<key id>:<secret>`, both in lower-case hexadecimal.

use std::fmt;

use super::Key32;
use crate::error::{Error, Status};
use crate::ids::KeyId;
use zeroize::Zeroizing;

const PREFIX: &str = "sa_live";

/// What a person or program holds to open a workspace. The secret is 256 random bits, so no password
/// hashing is needed.
#[derive(Clone)]
pub struct Token {
    /// The account.
    pub key_id: KeyId,
    /// The secret from which the account's keys follow.
    pub secret: Key32,
}

impl Token {
    /// Reads a token; the error says what is wrong with its form and never repeats it.
    pub fn parse(text: &str) -> Result<Token, Error> {
        let malformed = |what: &str| {
            Error::new(
                Status::InvalidToken,
                format!("the token {what}; a token looks like sa_live:<32 hex digits>:<64 hex digits>"),
            )
        };
        let fields: Vec<&str> = text.trim().split(':').collect();
        let [prefix, key_id, secret] = fields[..] else {
            return Err(malformed("does not have three fields"));
        };
        if prefix != PREFIX {
            return Err(malformed("does not start with sa_live"));
        }
        let key_id = KeyId::from_hex(key_id).ok_or_else(|| malformed("has a malformed key id"))?;
        let secret = parse_secret(secret).ok_or_else(|| malformed("has a malformed secret"))?;
        Ok(Token { key_id, secret })
    }

    /// The text to hand over, once: it holds the secret.
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + 2 + 32 + 64));
        text.push_str(&format!("{PREFIX}:{}:", self.key_id));
        for byte in self.secret.as_bytes() {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        text
    }
}

fn parse_secret(text: &str) -> Option<Key32> {
    let digits = Zeroizing::new(text.as_bytes().to_vec());
    let digit = |d: u8| match d {
        b'0'..=b'9' => Some(d - b'0'),
        b'a'..=b'f' => Some(d - b'a' + 10),
        _ => None,
    };
    let mut secret = Zeroizing::new([0; 32]);
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in secret.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(Key32::new(*secret))
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.key_id)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_revealed_is_read_back(id: [u8; 16], secret: [u8; 32]) {
            let token = Token { key_id: KeyId(id), secret: Key32::new(secret) };
            let back = Token::parse(&token.reveal()).unwrap();
            prop_assert_eq!(back.key_id, token.key_id);
            prop_assert_eq!(back.secret.as_bytes(), &secret);
        }

        #[test]
        fn no_text_breaks_the_parser(text: String) {
            let _ = Token::parse(&text);
            let _ = Token::parse(&format!("sa_live:{text}"));
        }
    }

    #[test]
    fn errors_name_the_field_and_not_the_secret() {
        let good = format!("sa_live:{}:{}", "a1".repeat(16), "5c".repeat(32));
        assert!(Token::parse(&good).is_ok());
        let secret = "5C".repeat(32);
        for (bad, what) in [
            ("sa_live:00".to_owned(), "three fields"),
            (good.replace("sa_live", "sa_test"), "start with"),
            (good.replace("a1a1", "a1A1"), "key id"),
            (format!("sa_live:{}:{secret}", "a1".repeat(16)), "secret"),
        ] {
            let error = Token::parse(&bad).unwrap_err();
            assert_eq!(error.status(), Status::InvalidToken);
            assert!(error.to_string().contains(what), "{error}");
            assert!(!error.to_string().contains(&secret));
        }
        assert_eq!(format!("{:?}", Token::parse(&good).unwrap()), format!("Token({})", "a1".repeat(16)));
    }
}

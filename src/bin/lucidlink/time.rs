//! Times as people and scripts write them.

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

/// RFC 3339 in UTC with all nine digits of the nanoseconds.
pub(crate) fn rfc3339(nanos: i64) -> String {
    format!("{}.{:09}Z", date_and_time(nanos), nanos.rem_euclid(SECOND))
}

/// RFC 3339 in UTC, to the second.
pub(crate) fn rfc3339_seconds(nanos: i64) -> String {
    date_and_time(nanos) + "Z"
}

fn date_and_time(nanos: i64) -> String {
    let seconds = nanos.div_euclid(SECOND);
    let (year, month, day) = civil_from_days(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// Reads a point in time, in nanoseconds since 1970: RFC 3339 in UTC, a date alone for its first moment, or
/// a span from `now` on.
pub(crate) fn parse_when(text: &str, now: i64) -> Result<i64, String> {
    let then = parse_span(text).and_then(|span| now.checked_add(span));
    then.or_else(|| parse_rfc3339(text)).or_else(|| parse_date(text)?.checked_mul(SECOND)).ok_or_else(|| {
        format!(
            "{text:?} is neither a time such as 2030-01-31T12:00:00Z, nor a day such as 2030-01-31, nor a span \
             such as 30d, 12h, 45m"
        )
    })
}

/// Reads a span such as 30d, 12h, 45m, in nanoseconds.
pub(crate) fn parse_span(text: &str) -> Option<i64> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => DAY,
        "w" => 7 * DAY,
        _ => return None,
    };
    number(digits)?.checked_mul(seconds)?.checked_mul(SECOND)
}

fn parse_rfc3339(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix(['Z', 'z'])?.split_once(['T', 't', ' '])?;
    let date = parse_date(date)?;
    let (time, fraction) = time.split_once('.').map_or((time, None), |(time, f)| (time, Some(f)));
    let [hour, minute, second] = fields(time, ':', [2, 2, 2])?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let nanos = match fraction {
        None => 0,
        Some(digits) if (1..=9).contains(&digits.len()) => {
            number(digits)? * 10_i64.pow(9 - digits.len() as u32)
        }
        Some(_) => return None,
    };
    (date + hour * 3600 + minute * 60 + second).checked_mul(SECOND)?.checked_add(nanos)
}

/// The seconds from 1970 to the beginning of a day.
fn parse_date(text: &str) -> Option<i64> {
    let [year, month, day] = fields(text, '-', [4, 2, 2])?;
    let days = days_from_civil(year, month, day);
    let is_date = (1..=12).contains(&month) && civil_from_days(days) == (year, month, day);
    is_date.then_some(days * DAY)
}

fn fields(text: &str, separator: char, widths: [usize; 3]) -> Option<[i64; 3]> {
    let parts: Vec<&str> = text.split(separator).collect();
    let fits = parts.len() == 3 && parts.iter().zip(widths).all(|(part, width)| part.len() == width);
    fits.then_some(())?;
    Some([number(parts[0])?, number(parts[1])?, number(parts[2])?])
}

/// Digits only: no sign.
fn number(digits: &str) -> Option<i64> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Days since 1970 to year, month and day, in the Gregorian calendar (Howard Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms"): years begin in March, so that the leap day is their last.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The inverse.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn known_times() {
        for (nanos, text) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (1_709_210_096_123_456_789, "2024-02-29T12:34:56.123456789Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000000000Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000000000Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
        ] {
            assert_eq!(rfc3339(nanos), text);
            if nanos != i64::MIN {
                assert_eq!(parse_when(text, 7).unwrap(), nanos);
            }
        }
        assert_eq!(rfc3339_seconds(1_709_210_096_123_456_789), "2024-02-29T12:34:56Z");
    }

    #[test]
    fn a_date_is_its_first_moment() {
        for date in ["1970-01-01", "2024-02-29", "2030-01-31", "1969-12-31", "2262-04-11"] {
            let midnight = format!("{date}T00:00:00Z");
            assert_eq!(parse_when(date, 7).unwrap(), parse_when(&midnight, 7).unwrap(), "{date}");
        }
    }

    #[test]
    fn days_are_counted_both_ways() {
        for days in -200_000..200_000 {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
    }

    #[test]
    fn spans_count_from_now() {
        for (text, seconds) in
            [("1s", 1), ("45m", 2700), ("12h", 43_200), ("30d", 2_592_000), ("2w", 1_209_600)]
        {
            assert_eq!(parse_when(text, 5).unwrap(), seconds * SECOND + 5, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [
            "",
            "d",
            "30",
            "-1d",
            "+1d",
            "1y",
            "1 d",
            "99999999999999d",
            "tomorrow",
            "é",
            "2030-02-30",
            "2030-13-01",
            "2030-1-31",
            "9999-01-01",
            "-2030-01-31",
            "2030-02-30T00:00:00Z",
            "2030-13-01T00:00:00Z",
            "2030-01-31T24:00:00Z",
            "2030-01-31T12:00:00",
            "2030-01-31T12:00:00+02:00",
            "2030-1-31T12:00:00Z",
            "9999-01-01T00:00:00Z",
            "2030-01-31T12:00:00.Z",
            "2030-01-31T12:00:00.1234567890Z",
            "2030-00-10T00:00:00Z",
        ] {
            assert!(parse_when(bad, 0).is_err(), "{bad}");
        }
    }
}

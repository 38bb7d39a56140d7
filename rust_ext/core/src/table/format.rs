//! Numbers, dates and times as text, and back: exact, or not at all.

/// Digits of a number, sign and point apart: all of it fits 63 bits.
const MAX_DIGITS: usize = 18;
/// Fields of dates: years of four digits (`Y`) and of two (`y`), months, days, hours, minutes and seconds of two digits, and
/// months, days and hours without a leading zero in small letters. Other characters stand for themselves.
pub const PATTERNS: [&str; 16] = [
    "Y-M-D",
    "Y-M-D H:N",
    "Y-M-D H:N:S",
    "Y-M-DTH:N:S",
    "Y-M-DTH:N:SZ",
    "Y/M/D",
    "Y/M/D H:N:S",
    "M/D/Y",
    "M/D/Y H:N",
    "M/D/Y H:N:S",
    "m/d/Y",
    "m/d/y",
    "m/d/Y h:N",
    "H:N:S",
    "H:N",
    "D.M.Y",
];
/// The first years of two digits are of the century after this one.
const CENTURY: i64 = 1900;

/// How the middle of a cell is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A decimal with up to `scale` digits behind the point, where zeros at the end are left out up to the `least`.
    Decimal { scale: u8, least: u8 },
    /// A whole number with zeros in front.
    Padded { width: u8 },
    /// A date or a time.
    Date { pattern: u8 },
}

/// How cells of a column are numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    pub prefix: Vec<u8>,
    pub suffix: Vec<u8>,
    pub kind: Kind,
}

fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > MAX_DIGITS || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(
        text.iter()
            .fold(0, |n, &digit| 10 * n + i64::from(digit - b'0')),
    )
}

/// Writes a number with zeros in front, up to a width, of which a sign is a part.
fn put_digits(number: i64, width: usize, out: &mut Vec<u8>) {
    put_signed(number < 0, number.unsigned_abs(), width, out);
}

/// The same of a sign and a magnitude.
fn put_signed(is_negative: bool, mut magnitude: u64, width: usize, out: &mut Vec<u8>) {
    let mut text = [b'-'; 21];
    let mut at = text.len();
    while magnitude > 0 || at == text.len() {
        at -= 1;
        text[at] = b'0' + (magnitude % 10) as u8;
        magnitude /= 10;
    }
    at -= usize::from(is_negative);
    let zeros = width.saturating_sub(text.len() - at);
    out.extend(std::iter::repeat_n(b'0', zeros));
    out.extend_from_slice(&text[at..]);
}

/// Days from 1970-01-01, after H. Hinnant's civil calendar of 400 years.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days - era * 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Seconds, minutes or days that one step of a pattern takes.
fn unit(pattern: &str) -> i64 {
    if pattern.contains('S') {
        1
    } else if pattern.contains('N') {
        60
    } else {
        86_400
    }
}

fn parse_date(pattern: &str, mut text: &[u8]) -> Option<i64> {
    let (mut year, mut month, mut day, mut second) = (1970, 1, 1, 0);
    for field in pattern.bytes() {
        let width = match field {
            b'Y' => 4,
            b'y' | b'M' | b'D' | b'H' | b'N' | b'S' => 2,
            b'm' | b'd' | b'h' => 1 + usize::from(text.get(1).is_some_and(u8::is_ascii_digit)),
            _ => {
                let (&first, rest) = text.split_first()?;
                if first != field {
                    return None;
                }
                text = rest;
                continue;
            }
        };
        let (part, rest) = text.split_at_checked(width)?;
        let number = digits(part)?;
        text = rest;
        match field {
            b'Y' => year = number,
            b'y' => year = CENTURY + number + if number < 50 { 100 } else { 0 },
            b'M' | b'm' => month = number,
            b'D' | b'd' => day = number,
            b'H' | b'h' => second += 3600 * number,
            b'N' => second += 60 * number,
            _ => second += number,
        }
    }
    if !text.is_empty() || !(1..=12).contains(&month) {
        return None;
    }
    Some((days(year, month, day) * 86_400 + second) / unit(pattern))
}

fn put_date(pattern: &str, number: i64, out: &mut Vec<u8>) {
    let seconds = number.wrapping_mul(unit(pattern));
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(day.clamp(-1_000_000, 4_000_000));
    for field in pattern.bytes() {
        match field {
            b'Y' => put_digits(year, 4, out),
            b'y' => put_digits(year.rem_euclid(100), 2, out),
            b'M' => put_digits(month, 2, out),
            b'm' => put_digits(month, 1, out),
            b'D' => put_digits(day, 2, out),
            b'd' => put_digits(day, 1, out),
            b'H' => put_digits(second / 3600, 2, out),
            b'h' => put_digits(second / 3600, 1, out),
            b'N' => put_digits(second / 60 % 60, 2, out),
            b'S' => put_digits(second % 60, 2, out),
            other => out.push(other),
        }
    }
}

impl Kind {
    fn parse(self, text: &[u8]) -> Option<i64> {
        match self {
            Self::Decimal { scale, .. } => {
                let (sign, text) = text.strip_prefix(b"-").map_or((1, text), |rest| (-1, rest));
                let point = text.iter().position(|&b| b == b'.').unwrap_or(text.len());
                let (whole, behind) = text.split_at(point);
                let behind = behind.strip_prefix(b".").unwrap_or_default();
                let scale = usize::from(scale);
                if whole.len() + scale > MAX_DIGITS || behind.len() > scale {
                    return None;
                }
                let part = if behind.is_empty() {
                    0
                } else {
                    digits(behind)?
                };
                let ten = |n: usize| 10_i64.pow(n as u32);
                Some(sign * (digits(whole)? * ten(scale) + part * ten(scale - behind.len())))
            }
            Self::Padded { width } => (text.len() == usize::from(width)).then(|| digits(text))?,
            Self::Date { pattern } => parse_date(PATTERNS[usize::from(pattern)], text),
        }
    }

    fn put(self, number: i64, out: &mut Vec<u8>) {
        match self {
            Self::Decimal { scale, least } => {
                let is_negative = number < 0;
                let (number, one) = (number.unsigned_abs(), 10_u64.pow(scale.into()));
                put_signed(is_negative, number / one, 1, out);
                let (mut part, mut length) = (number % one, scale);
                while length > least && part.is_multiple_of(10) {
                    part /= 10;
                    length -= 1;
                }
                if length > 0 {
                    out.push(b'.');
                    put_digits(part as i64, length.into(), out);
                }
            }
            Self::Padded { width } => put_digits(number, width.into(), out),
            Self::Date { pattern } => put_date(PATTERNS[usize::from(pattern)], number, out),
        }
    }
}

impl Format {
    /// The number of a cell, if the cell is exactly what [`Self::put`] writes of it.
    pub fn parse(&self, cell: &[u8], scratch: &mut Vec<u8>) -> Option<i64> {
        let middle = cell
            .strip_prefix(&self.prefix[..])?
            .strip_suffix(&self.suffix[..])?;
        let number = self.kind.parse(middle)?;
        scratch.clear();
        self.put(number, scratch);
        (scratch == cell).then_some(number)
    }

    /// Writes a cell.
    pub fn put(&self, number: i64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.prefix);
        self.kind.put(number, out);
        out.extend_from_slice(&self.suffix);
    }

    /// Finds how most of some values are numbers; `counts` tells how often each comes.
    pub fn find<'a>(
        values: &(impl Iterator<Item = &'a [u8]> + Clone),
        counts: &[u32],
    ) -> Option<Self> {
        let rows: u64 = counts.iter().map(|&n| u64::from(n)).sum();
        let first = values
            .clone()
            .find(|value| value.iter().any(u8::is_ascii_digit))?;
        // The first value may be of another kind, as a header is, so the next ones are looked at too.
        let ends = |value: &[u8]| -> Option<(Vec<u8>, Vec<u8>)> {
            let start = value.iter().position(u8::is_ascii_digit)?;
            let end = value.iter().rposition(u8::is_ascii_digit)? + 1;
            let prefix = &value[..start];
            Some((
                prefix.strip_suffix(b"-").unwrap_or(prefix).to_vec(),
                value[end..].to_vec(),
            ))
        };
        let mut shapes: Vec<(Vec<u8>, Vec<u8>)> =
            values.clone().take(16).filter_map(ends).collect();
        shapes.extend(ends(first));
        shapes.sort();
        let most = shapes
            .iter()
            .max_by_key(|&shape| shapes.iter().filter(|&other| other == shape).count())?;
        let (prefix, suffix) = most.clone();
        let middles = values.clone().zip(counts).filter_map(|(value, &n)| {
            Some((
                value.strip_prefix(&prefix[..])?.strip_suffix(&suffix[..])?,
                n,
            ))
        });
        let mut kinds: Vec<Kind> = Vec::new();
        let behind = |text: &[u8]| {
            text.iter()
                .position(|&b| b == b'.')
                .map_or(0, |at| text.len() - at - 1)
        };
        let plain = middles
            .clone()
            .filter(|(text, _)| Kind::Decimal { scale: 9, least: 0 }.parse(text).is_some());
        let scales = plain.clone().map(|(text, _)| behind(text));
        if let (Some(least), Some(scale)) = (scales.clone().min(), scales.max()) {
            for least in [least.min(1) as u8, scale as u8, 0] {
                kinds.push(Kind::Decimal {
                    scale: scale as u8,
                    least,
                });
            }
        }
        if let Some((text, _)) = middles
            .clone()
            .next()
            .filter(|(text, _)| text.len() <= MAX_DIGITS)
        {
            kinds.push(Kind::Padded {
                width: text.len() as u8,
            });
        }
        kinds.extend((0..PATTERNS.len() as u8).map(|pattern| Kind::Date { pattern }));
        let mut scratch = Vec::new();
        let mut best = (rows - rows / 10, None);
        for kind in kinds {
            let format = Self {
                prefix: prefix.clone(),
                suffix: suffix.clone(),
                kind,
            };
            // A few values tell the most unlike kinds.
            if !values
                .clone()
                .take(64)
                .any(|value| format.parse(value, &mut scratch).is_some())
            {
                continue;
            }
            let fits = values
                .clone()
                .zip(counts)
                .filter(|(value, _)| format.parse(value, &mut scratch).is_some())
                .map(|(_, &n)| u64::from(n))
                .sum();
            if fits > best.0 {
                best = (fits, Some(format));
            }
        }
        best.1
    }

    /// Whether differences of numbers of both mean anything, and what one step of the other is in steps of this one:
    /// factor and divisor.
    pub fn step(&self, other: &Self) -> Option<(i64, i64)> {
        match (self.kind, other.kind) {
            (Kind::Decimal { scale, .. }, Kind::Decimal { scale: from, .. }) => {
                let ten = |n: u8| 10_i64.pow(n.into());
                Some((
                    ten(scale.saturating_sub(from)),
                    ten(from.saturating_sub(scale)),
                ))
            }
            (Kind::Padded { .. }, Kind::Padded { .. }) => Some((1, 1)),
            (Kind::Date { pattern }, Kind::Date { pattern: from }) => {
                let [to, from] = [pattern, from].map(|p| unit(PATTERNS[usize::from(p)]));
                Some((from.max(to) / to, to.max(from) / from))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_size_have_one_sign() {
        let decimal = |scale| Kind::Decimal { scale, least: 0 };
        for (kind, number, text) in [
            (decimal(0), i64::MIN, "-9223372036854775808"),
            (decimal(2), -5, "-0.05"),
            (decimal(2), 1200, "12"),
            (decimal(0), 0, "0"),
            (Kind::Padded { width: 4 }, 7, "0007"),
            (Kind::Padded { width: 1 }, i64::MAX, "9223372036854775807"),
        ] {
            let mut out = Vec::new();
            kind.put(number, &mut out);
            assert_eq!(out, text.as_bytes());
        }
    }
}

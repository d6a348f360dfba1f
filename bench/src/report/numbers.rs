//! Numbers as people read them.

use crate::figures::Spread;

/// Three significant digits, or two decimals of something smaller than one.
fn digits(value: f64) -> String {
    match value.abs() {
        below if below < 9.995 => format!("{value:.2}"),
        below if below < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// The value in the largest of the units, each given with what it is worth, that leaves a one before the point.
fn in_unit(value: f64, units: &[(f64, &str)]) -> String {
    // What would be shown as 1,000 belongs to the next unit, so units begin a little early.
    let (worth, unit) = units
        .iter()
        .rfind(|(worth, _)| value >= worth * 0.9995)
        .or(units.first())
        .copied()
        .unwrap_or((1.0, ""));
    format!("{} {unit}", digits(value / worth))
}

/// How many: `1.84 M`, `23.1 k`, `87`.
pub(super) fn amount(value: f64) -> String {
    if value < 999.5 {
        return if value.fract() == 0.0 {
            format!("{value:.0}")
        } else {
            digits(value)
        };
    }
    in_unit(value, &[(1e3, "k"), (1e6, "M"), (1e9, "G")])
}

/// A time that is given in microseconds: `0.87 µs`, `10.2 ms`.
pub(super) fn micros(value: f64) -> String {
    in_unit(value, &[(1.0, "µs"), (1e3, "ms"), (1e6, "s")])
}

/// A time that is given in seconds.
pub(super) fn seconds(value: f64) -> String {
    micros(value * 1e6)
}

/// Memory: `14.2 KiB`, `230 MiB`.
pub(super) fn memory(bytes: f64) -> String {
    in_unit(
        bytes,
        &[
            (1.0, "B"),
            (1024.0, "KiB"),
            (1024f64.powi(2), "MiB"),
            (1024f64.powi(3), "GiB"),
        ],
    )
}

/// A message's size, exactly: `0 B`, `32 B`, `64 KiB`.
pub(super) fn size(bytes: usize) -> String {
    match bytes {
        1.. if bytes % (1 << 20) == 0 => format!("{} MiB", bytes >> 20),
        1.. if bytes % (1 << 10) == 0 => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} B"),
    }
}

/// How many, exactly: `10,000`.
pub(super) fn count(value: usize) -> String {
    let plain = value.to_string();
    let mut grouped = String::new();
    for (index, digit) in plain.chars().enumerate() {
        if index > 0 && (plain.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The same without decimals that say nothing, for what is exact anyway: `1 M` for `1.00 M`.
pub(super) fn brief(shown: &str) -> String {
    let (number, unit) = shown.split_at(shown.find(' ').unwrap_or(shown.len()));
    let number = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    };
    format!("{number}{unit}")
}

/// How many times something: `0.78`, `23.4`.
pub(super) fn ratio(value: f64) -> String {
    digits(value)
}

/// The median, and in brackets the range where there is one: `1.84 M (1.80–1.90 M)`.
pub(super) fn spread(spread: Spread, shown: fn(f64) -> String) -> String {
    let median = shown(spread.median);
    range(spread, shown).map_or_else(|| median.clone(), |range| format!("{median} ({range})"))
}

/// From the lowest to the highest, if they differ in what is shown: `1.80–1.90 M`.
pub(super) fn range(spread: Spread, shown: fn(f64) -> String) -> Option<String> {
    let (low, high) = (shown(spread.low), shown(spread.high));
    let number = match (low.split_once(' '), high.split_once(' ')) {
        (Some((number, one)), Some((_, other))) if one == other => number,
        _ => &low,
    };
    (low != high).then(|| format!("{number}–{high}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_three_digits_and_a_unit() {
        let shown = [
            0.0,
            3.0,
            87.25,
            999.4,
            999.6,
            23_100.0,
            999_700.0,
            1_844_000.0,
        ]
        .map(amount);
        assert_eq!(
            shown,
            [
                "0", "3", "87.2", "999", "1.00 k", "23.1 k", "1.00 M", "1.84 M"
            ]
        );
        let shown = [0.871, 17.25, 999.9, 10_200.0, 2_000_000.0].map(micros);
        assert_eq!(
            shown,
            ["0.87 µs", "17.2 µs", "1.00 ms", "10.2 ms", "2.00 s"]
        );
        assert_eq!(memory(14.25 * 1024.0), "14.2 KiB");
    }

    #[test]
    fn shows_what_was_asked_for_exactly() {
        assert_eq!(
            [0, 32, 1024, 1500, 65_536, 1 << 20].map(size),
            ["0 B", "32 B", "1 KiB", "1500 B", "64 KiB", "1 MiB"]
        );
        assert_eq!(
            [1, 100, 1000, 50_000, 1_000_000].map(count),
            ["1", "100", "1,000", "50,000", "1,000,000"]
        );
    }

    #[test]
    fn shows_no_more_decimals_than_there_are() {
        let shown = ["1.00 M", "100 k", "0.50 µs", "20.0", "7"].map(brief);
        assert_eq!(shown, ["1 M", "100 k", "0.5 µs", "20", "7"]);
    }

    #[test]
    fn shows_a_range_where_there_is_one() {
        let of = |low, median, high| Spread { low, median, high };
        assert_eq!(
            spread(of(1.8e6, 1.84e6, 1.9e6), amount),
            "1.84 M (1.80–1.90 M)"
        );
        assert_eq!(spread(of(9e5, 1e6, 1.1e6), amount), "1.00 M (900 k–1.10 M)");
        assert_eq!(spread(of(5.0, 5.0, 5.0), micros), "5.00 µs");
    }
}

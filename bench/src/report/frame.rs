//! Where values stand in a plot: its axes, and the frame between them.

use plotters::style::{RGBColor, text_anchor::HPos};

use super::{
    canvas::{Canvas, Point, Text, line, text},
    numbers,
};
use crate::contestant::Failure;

const FAINT: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);

/// One direction of a plot: which values there are, and where they stand.
pub(super) struct Axis {
    title: String,
    logarithmic: bool,
    low: f64,
    high: f64,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From zero to the highest value.
    pub(super) fn linear(title: &str, values: &[f64], shown: fn(f64) -> String) -> Self {
        let high = values.iter().copied().fold(0.0, f64::max).max(1e-9) * 1.08;
        let rough = high / 6.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|times| times * power)
            .into_iter()
            .find(|step| *step >= rough);
        let step = step.unwrap_or(high);
        let ticks = (0..)
            .map(|index| f64::from(index) * step)
            .take_while(|tick| *tick <= high);
        let ticks = ticks
            .map(|tick| (tick, numbers::brief(&shown(tick))))
            .collect();
        Self {
            title: title.to_owned(),
            logarithmic: false,
            low: 0.0,
            high,
            ticks,
        }
    }

    /// Logarithmic, around all values.
    pub(super) fn logarithmic(title: &str, values: &[f64], shown: fn(f64) -> String) -> Self {
        let positive = || values.iter().copied().filter(|value| *value > 0.0);
        let low = positive().fold(f64::INFINITY, f64::min) / 1.3;
        let high = positive().fold(0.0, f64::max) * 1.3;
        let (low, high) = if low < high { (low, high) } else { (1.0, 10.0) };
        let decades = (high / low).log10();
        let within: &[f64] = if decades < 3.0 {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let ticks = powers
            .flat_map(|power| within.iter().map(move |times| times * 10f64.powi(power)))
            .filter(|tick| (low..=high).contains(tick))
            .map(|tick| (tick, numbers::brief(&shown(tick))))
            .collect();
        Self {
            title: title.to_owned(),
            logarithmic: true,
            low,
            high,
            ticks,
        }
    }

    /// Logarithmic, with a tick at each of these values, which must be positive, and nowhere else.
    pub(super) fn at(title: &str, values: &[f64], shown: fn(f64) -> String) -> Self {
        let ticks = values.iter().map(|value| (*value, shown(*value))).collect();
        Self {
            ticks,
            ..Self::logarithmic(title, values, shown)
        }
    }

    /// One place for each of these names, side by side.
    pub(super) fn names(title: &str, names: impl IntoIterator<Item = String>) -> Self {
        let ticks: Vec<_> = names
            .into_iter()
            .enumerate()
            .map(|(index, name)| (index as f64, name))
            .collect();
        let high = ticks.len() as f64 - 0.7;
        Self {
            title: title.to_owned(),
            logarithmic: false,
            low: -0.3,
            high,
            ticks,
        }
    }

    fn share(&self, value: f64) -> f64 {
        // A time that was too short to be measured is zero, which has no logarithm.
        let value = value.clamp(self.low, self.high);
        let place = |value: f64| {
            if self.logarithmic {
                value.log10()
            } else {
                value
            }
        };
        (place(value) - place(self.low)) / (place(self.high) - place(self.low))
    }
}

/// Where a plot's values stand on the canvas.
pub(super) struct Frame {
    /// Upper left.
    pub(super) from: Point,
    /// Lower right.
    pub(super) to: Point,
}

impl Frame {
    /// Where a value stands from left to right.
    pub(super) fn across(&self, axis: &Axis, value: f64) -> i32 {
        self.from.0 + (axis.share(value) * f64::from(self.to.0 - self.from.0)).round() as i32
    }

    /// Where a value stands from bottom to top.
    pub(super) fn up(&self, axis: &Axis, value: f64) -> i32 {
        self.to.1 - (axis.share(value) * f64::from(self.to.1 - self.from.1)).round() as i32
    }

    /// Draws an axis below, with lines across the frame.
    pub(super) fn draw_across(&self, canvas: &Canvas<'_>, axis: &Axis) -> Result<(), Failure> {
        let centred = || Text {
            side: HPos::Center,
            ..Text::default()
        };
        for (value, name) in &axis.ticks {
            let x = self.across(axis, *value);
            line(canvas, &[(x, self.from.1), (x, self.to.1)], FAINT, 1)?;
            text(canvas, name, (x, self.to.1 + 14), centred())?;
        }
        text(
            canvas,
            &axis.title,
            ((self.from.0 + self.to.0) / 2, self.to.1 + 36),
            centred(),
        )
    }

    /// Draws an axis to the left, with lines across the frame.
    pub(super) fn draw_up(&self, canvas: &Canvas<'_>, axis: &Axis) -> Result<(), Failure> {
        for (value, name) in &axis.ticks {
            let y = self.up(axis, *value);
            line(canvas, &[(self.from.0, y), (self.to.0, y)], FAINT, 1)?;
            text(
                canvas,
                name,
                (self.from.0 - 8, y),
                Text {
                    side: HPos::Right,
                    ..Text::default()
                },
            )?;
        }
        let middle = (18, (self.from.1 + self.to.1) / 2);
        text(
            canvas,
            &axis.title,
            middle,
            Text {
                side: HPos::Center,
                upright: true,
                ..Text::default()
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_ticks_that_people_would_choose() {
        let names = |axis: &Axis| -> Vec<String> {
            axis.ticks.iter().map(|(_, name)| name.clone()).collect()
        };
        let shown = |value: f64| format!("{value}");
        assert_eq!(
            names(&Axis::linear("", &[19.0], shown)),
            ["0", "5", "10", "15", "20"]
        );
        assert_eq!(
            names(&Axis::logarithmic("", &[20.0, 90_000.0], shown)),
            ["100", "1000", "10000", "100000"]
        );
        assert_eq!(
            names(&Axis::logarithmic("", &[20.0, 90.0], shown)),
            ["20", "50", "100"]
        );
        assert_eq!(
            names(&Axis::at("", &[1.0, 16.0, 256.0], shown)),
            ["1", "16", "256"]
        );
    }

    #[test]
    fn what_was_too_short_to_measure_stands_at_the_edge() {
        let axis = Axis::logarithmic("", &[0.0, 10.0, 1000.0], |value| format!("{value}"));
        let frame = Frame {
            from: (100, 0),
            to: (200, 50),
        };
        assert_eq!(frame.across(&axis, 0.0), 100);
        assert_eq!(frame.across(&axis, 100.0), 150);
        let nothing = Axis::logarithmic("", &[0.0], |value| format!("{value}"));
        assert_eq!(frame.across(&nothing, 0.0), 100);
    }
}

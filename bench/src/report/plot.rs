//! What plots are made of: axes, markers, and labels that keep clear of each other.

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::numbers;
use crate::contestant::Failure;

/// A place on the canvas, in pixels from its upper left corner.
pub(super) type Point = (i32, i32);
/// What is drawn on.
pub(super) type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const FAINT: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);
const LINE_HEIGHT: i32 = 17;

/// Draws a plot of this size, white behind it so that it is read on a dark page as well, and gives its SVG.
pub(super) fn svg(
    size: (u32, u32),
    title: &str,
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), Failure>,
) -> Result<String, Failure> {
    let mut svg = String::new();
    {
        let canvas = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        canvas.fill(&WHITE).map_err(undrawn)?;
        text(
            &canvas,
            title,
            (16, 22),
            Text {
                size: 15.0,
                ..Text::default()
            },
        )?;
        draw(&canvas)?;
        canvas.present().map_err(undrawn)?;
    }
    Ok(svg)
}

fn undrawn(error: impl std::fmt::Display) -> Failure {
    format!("cannot draw a plot: {error}").into()
}

/// How a text stands at its place.
pub(super) struct Text {
    /// Of the font, in pixels.
    pub(super) size: f64,
    /// Which side of it the place is.
    pub(super) side: HPos,
    /// Whether it is read from below.
    pub(super) upright: bool,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            size: 13.0,
            side: HPos::Left,
            upright: false,
        }
    }
}

/// Writes a text, vertically centred at its place.
pub(super) fn text(
    canvas: &Canvas<'_>,
    content: &str,
    at: Point,
    how: Text,
) -> Result<(), Failure> {
    // The backend divides a font's size by this much.
    let font = ("sans-serif", how.size * 1.24).into_font();
    let font = if how.upright {
        font.transform(FontTransform::Rotate270)
    } else {
        font
    };
    let style = font.color(&INK).pos(Pos::new(how.side, VPos::Center));
    canvas.draw_text(content, &style, at).map_err(undrawn)
}

/// Draws a line through these points.
pub(super) fn line(
    canvas: &Canvas<'_>,
    points: &[Point],
    colour: RGBColor,
    width: u32,
) -> Result<(), Failure> {
    canvas
        .draw(&PathElement::new(points, colour.stroke_width(width)))
        .map_err(undrawn)
}

/// Fills a rectangle.
pub(super) fn bar(
    canvas: &Canvas<'_>,
    corners: [Point; 2],
    colour: RGBColor,
) -> Result<(), Failure> {
    canvas
        .draw(&Rectangle::new(corners, colour.filled()))
        .map_err(undrawn)
}

/// The same colour, halfway to white.
pub(super) fn pale(RGBColor(red, green, blue): RGBColor) -> RGBColor {
    let halfway = |part: u8| part / 2 + 0x80;
    RGBColor(halfway(red), halfway(green), halfway(blue))
}

/// What stands at a point of a line. Those that are open are white within.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Marker {
    /// A circle.
    Circle,
    /// An open circle.
    Ring,
    /// A square.
    Square,
    /// An open square.
    OpenSquare,
    /// A square that stands on a corner.
    Diamond,
    /// An open one.
    OpenDiamond,
    /// A triangle that points up.
    Triangle,
    /// An open one.
    OpenTriangle,
    /// A triangle that points down.
    Down,
    /// An x.
    Cross,
    /// A +.
    Plus,
    /// A short stroke.
    Dash,
}

impl Marker {
    /// Draws it around a point.
    pub(super) fn draw(
        self,
        canvas: &Canvas<'_>,
        at: Point,
        colour: RGBColor,
    ) -> Result<(), Failure> {
        const SQUARE: &[Point] = &[(-4, -4), (4, -4), (4, 4), (-4, 4)];
        const DIAMOND: &[Point] = &[(0, -6), (6, 0), (0, 6), (-6, 0)];
        const TRIANGLE: &[Point] = &[(0, -6), (5, 4), (-5, 4)];
        const DOWN: &[Point] = &[(0, 6), (5, -4), (-5, -4)];
        let polygon = |corners, within| polygon(canvas, at, corners, colour, within);
        let circle = |within| {
            let circle = |radius, colour: RGBColor| Circle::new(at, radius, colour.filled());
            canvas.draw(&circle(5, colour)).map_err(undrawn)?;
            canvas.draw(&circle(3, within)).map_err(undrawn)
        };
        let stroke = |(right, down): Point| {
            let ends = [(at.0 - right, at.1 - down), (at.0 + right, at.1 + down)];
            line(canvas, &ends, colour, 2)
        };
        match self {
            Self::Circle => circle(colour),
            Self::Ring => circle(WHITE),
            Self::Square => polygon(SQUARE, colour),
            Self::OpenSquare => polygon(SQUARE, WHITE),
            Self::Diamond => polygon(DIAMOND, colour),
            Self::OpenDiamond => polygon(DIAMOND, WHITE),
            Self::Triangle => polygon(TRIANGLE, colour),
            Self::OpenTriangle => polygon(TRIANGLE, WHITE),
            Self::Down => polygon(DOWN, colour),
            Self::Cross => stroke((4, 4)).and_then(|()| stroke((4, -4))),
            Self::Plus => stroke((5, 0)).and_then(|()| stroke((0, 5))),
            Self::Dash => stroke((6, 0)),
        }
    }
}

/// Draws a polygon around a point.
fn polygon(
    canvas: &Canvas<'_>,
    (x, y): Point,
    corners: &[Point],
    colour: RGBColor,
    within: RGBColor,
) -> Result<(), Failure> {
    let moved = |(right, down): &Point| (x + right, y + down);
    let area: Vec<Point> = corners.iter().map(moved).collect();
    let outline: Vec<Point> = corners.iter().chain(corners.first()).map(moved).collect();
    canvas.draw(&Polygon::new(area, within)).map_err(undrawn)?;
    line(canvas, &outline, colour, 2)
}

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
        let high = values
            .iter()
            .copied()
            .fold(0.0, f64::max)
            .max(f64::MIN_POSITIVE)
            * 1.08;
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

/// Where labels stand that would best stand at these heights: in the same order, and a line apart, between two heights.
pub(super) fn apart(wanted: &[i32], from: i32, to: i32) -> Vec<i32> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|index| wanted[*index]);
    let mut places = wanted.to_vec();
    let mut free = from;
    for &index in &order {
        places[index] = places[index].max(free);
        free = places[index] + LINE_HEIGHT;
    }
    let mut free = to;
    for &index in order.iter().rev() {
        places[index] = places[index].min(free);
        free = places[index] - LINE_HEIGHT;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_clear_of_each_other() {
        assert_eq!(apart(&[50, 90], 0, 200), [50, 90]);
        assert_eq!(apart(&[52, 50, 51], 0, 200), [84, 50, 67]);
        assert_eq!(apart(&[199, 198], 0, 200), [200, 183]);
    }

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
}

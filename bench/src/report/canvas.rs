//! What plots are drawn with: texts, lines, bars and markers.

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use crate::contestant::Failure;

/// A place on the canvas, in pixels from its upper left corner.
pub(super) type Point = (i32, i32);
/// What is drawn on.
pub(super) type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);

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
    /// An open one.
    OpenDown,
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
            Self::OpenDown => polygon(DOWN, WHITE),
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

fn undrawn(error: impl std::fmt::Display) -> Failure {
    format!("cannot draw a plot: {error}").into()
}

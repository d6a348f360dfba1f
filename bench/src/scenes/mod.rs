//! What is measured beside calls under a load.

mod beside_large;
mod comeback;
mod handshakes;
mod idle_memory;

use std::time::Duration;

pub use self::comeback::{Returning, serve_again};
use crate::{
    contestant::{Failure, NAMES, Name},
    matrix::Choice,
    progress::Progress,
    results::Results,
};

/// A scene, and who plays it.
#[derive(Clone, Debug)]
pub struct Scene {
    plot: Plot,
    quick: bool,
    /// How often it is played, the contestants in turns.
    rounds: usize,
    contestants: Vec<&'static Name>,
}

#[derive(Clone, Copy, Debug)]
enum Plot {
    IdleMemory { connections: usize },
    Handshakes,
    Comeback { clients: usize },
    BesideLarge,
}

impl Scene {
    /// How it is called in arguments.
    pub fn label(&self) -> String {
        self.plot.label()
    }

    /// Who plays it.
    pub fn contestants(&self) -> &[&'static Name] {
        &self.contestants
    }

    /// How long all of it takes.
    pub fn expected_in_all(&self) -> Duration {
        let each = self.contestants.iter().map(|name| self.expected(name));
        each.sum::<Duration>() * self.rounds as u32
    }

    /// How long it takes with this contestant, once.
    fn expected(&self, name: &Name) -> Duration {
        let connecting = |connections| Duration::from_millis(1) * connections as u32;
        match self.plot {
            Plot::IdleMemory { connections } => {
                let bursts = connecting(connections);
                connecting(connections) + bursts + idle_memory::settling(self.quick)
            }
            Plot::Handshakes => handshakes::expected(name, self.quick),
            Plot::Comeback { clients } => 2 * connecting(clients) + Duration::from_secs(6),
            Plot::BesideLarge => 2 * beside_large::measured(self.quick) + Duration::from_secs(1),
        }
    }

    async fn play(&self, name: &Name, round: usize, results: &mut Results) -> Result<(), Failure> {
        match self.plot {
            Plot::IdleMemory { connections } => {
                let memory = idle_memory::measure(name, connections, self.quick).await?;
                results.idle_memory.push(memory);
            }
            Plot::Handshakes => {
                let handshakes = handshakes::measure(name, round, self.quick).await?;
                results.handshakes.extend(handshakes);
            }
            Plot::Comeback { clients } => {
                let comeback = comeback::measure(name, clients).await?;
                results.comebacks.push(comeback);
            }
            Plot::BesideLarge => {
                let beside = beside_large::measure(name, self.quick).await?;
                results.beside_large.push(beside);
            }
        }
        Ok(())
    }
}

impl Plot {
    fn label(self) -> String {
        match self {
            Self::IdleMemory { connections } => format!("idle-memory/{connections}"),
            Self::Handshakes => "handshakes".to_owned(),
            Self::Comeback { clients } => format!("comeback/{clients}"),
            Self::BesideLarge => "beside-large".to_owned(),
        }
    }

    fn contestants(self) -> &'static [&'static str] {
        match self {
            Self::IdleMemory { .. } => idle_memory::CONTESTANTS,
            Self::Handshakes => handshakes::CONTESTANTS,
            Self::Comeback { .. } => comeback::CONTESTANTS,
            Self::BesideLarge => beside_large::CONTESTANTS,
        }
    }
}

/// The scenes of this choice. What is compared as a ratio, or does not take long, is played in rounds, as the loads are.
pub fn chosen_of(choice: &Choice) -> Vec<Scene> {
    let plots = if choice.quick {
        vec![
            Plot::IdleMemory { connections: 1_000 },
            Plot::Handshakes,
            Plot::Comeback { clients: 1_000 },
            Plot::BesideLarge,
        ]
    } else {
        let sizes = [1_000, 10_000, 50_000];
        let mut plots = sizes
            .map(|connections| Plot::IdleMemory { connections })
            .to_vec();
        plots.extend([
            Plot::Handshakes,
            Plot::Comeback { clients: 10_000 },
            Plot::BesideLarge,
        ]);
        plots
    };
    let scene = |plot: Plot| {
        let plays = |name: &&Name| {
            plot.contestants().contains(&name.name) && choice.has_contestant(name.name)
        };
        Scene {
            plot,
            quick: choice.quick,
            rounds: match plot {
                Plot::Handshakes => choice.rounds(true),
                // What a burst leaves behind differs from run to run; with more connections, one takes minutes.
                Plot::IdleMemory { connections: 1_000 } => choice.rounds(false),
                _ => 1,
            },
            contestants: NAMES.iter().filter(plays).collect(),
        }
    };
    let scenes = plots.into_iter().map(scene);
    scenes
        .filter(|it| choice.has(&it.label()) && !it.contestants.is_empty())
        .collect()
}

/// Plays a scene. What failed is told, and left out.
pub async fn run(scene: &Scene, results: &mut Results, progress: &Progress) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut turns = scene.contestants.clone();
    for round in 0..scene.rounds {
        for name in &turns {
            let label = format!("{} {}", scene.label(), name.name);
            progress.begin(&label);
            if let Err(error) = scene.play(name, round, results).await {
                failures.push(format!("{label}: {error}").into());
            }
            progress.end(scene.expected(name));
        }
        turns.rotate_left(1);
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::{Choice, chosen_of};
    use std::{num::NonZeroU16, time::Duration};

    fn rounds(quick: bool, rounds: Option<u16>) -> Vec<(String, usize)> {
        let choice = Choice {
            quick,
            measured: Duration::from_secs(1),
            rounds: rounds.and_then(NonZeroU16::new),
            only: Vec::new(),
            loads: vec!["idle-memory".to_owned(), "handshakes".to_owned()],
        };
        let scenes = chosen_of(&choice).into_iter();
        scenes.map(|scene| (scene.label(), scene.rounds)).collect()
    }

    #[test]
    fn what_takes_minutes_is_played_once() {
        let expected = |few: usize, handshakes: usize| {
            [
                ("idle-memory/1000", few),
                ("idle-memory/10000", 1),
                ("idle-memory/50000", 1),
                ("handshakes", handshakes),
            ]
            .map(|(label, rounds)| (label.to_owned(), rounds))
        };
        assert_eq!(rounds(false, None), expected(3, 9));
        assert_eq!(rounds(false, Some(2)), expected(2, 2));
        let [few, .., handshakes] = expected(1, 1);
        assert_eq!(rounds(true, None), [few, handshakes]);
    }
}

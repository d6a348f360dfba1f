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
        self.expected() * (self.contestants.len() * self.rounds()) as u32
    }

    /// How long it takes with each contestant, once.
    fn expected(&self) -> Duration {
        let connecting = |connections| Duration::from_millis(1) * connections as u32;
        match self.plot {
            Plot::IdleMemory { connections } => {
                let bursts = connecting(connections);
                connecting(connections) + bursts + idle_memory::settling(self.quick)
            }
            Plot::Handshakes => handshakes::measured(self.quick) + Duration::from_secs(1),
            Plot::Comeback { clients } => 2 * connecting(clients) + Duration::from_secs(6),
            Plot::BesideLarge => 2 * beside_large::measured(self.quick) + Duration::from_secs(1),
        }
    }

    /// How often it is played, the contestants in turns: what is a ratio of two of them asks for more than one look.
    fn rounds(&self) -> usize {
        match self.plot {
            Plot::Handshakes if !self.quick => 5,
            _ => 1,
        }
    }

    async fn play(&self, name: &Name, results: &mut Results) -> Result<(), Failure> {
        match self.plot {
            Plot::IdleMemory { connections } => {
                let memory = idle_memory::measure(name, connections, self.quick).await?;
                results.idle_memory.push(memory);
            }
            Plot::Handshakes => {
                let handshakes = handshakes::measure(name, self.quick).await?;
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

/// The scenes of this choice.
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
            contestants: NAMES.iter().filter(plays).collect(),
        }
    };
    let scenes = plots.into_iter().map(scene);
    scenes
        .filter(|it| choice.has(&it.label()) && !it.contestants.is_empty())
        .collect()
}

/// Plays all scenes. Those that failed are told, and left out.
pub async fn run(scenes: &[Scene], results: &mut Results, progress: &Progress) -> Vec<Failure> {
    let mut failures = Vec::new();
    for scene in scenes {
        for _ in 0..scene.rounds() {
            for name in &scene.contestants {
                let label = format!("{} {}", scene.label(), name.name);
                progress.begin(&label);
                if let Err(error) = scene.play(name, results).await {
                    failures.push(format!("{label}: {error}").into());
                }
                progress.end(scene.expected());
            }
        }
    }
    failures
}

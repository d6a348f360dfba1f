mod back_pressure;
mod closing;
mod failing;
mod messages;
mod pipe;
#[allow(
    clippy::duplicate_mod,
    reason = "a few lines that tests of three modules share"
)]
#[path = "../../wire/tests/random.rs"]
mod random;
mod refusals;
mod upgrade;
mod violations;

mod back_pressure;
mod closing;
mod failing;
mod messages;
mod pipe;
mod refusals;
mod upgrade;
mod violations;

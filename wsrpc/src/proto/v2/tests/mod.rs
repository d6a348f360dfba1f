mod actors;
mod half;
mod pair;
mod schedules;

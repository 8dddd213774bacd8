mod alternating;
mod bounds;
mod parts;
mod rules;
mod steady;
mod world;

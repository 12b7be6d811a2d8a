//! The decision: everything that a log has ever said, from its first line to its last.

use super::lines::{Fact, Servo, What, bracket, read};
use super::log::Message;
use super::memory::{Instance, Memory, Port};
use super::{Answer, Leg, Now, Role, SECOND, Settings};
use std::collections::{BTreeMap, BTreeSet};

/// What is asked.
pub struct Question<'a> {
    pub messages: &'a [Message],
    pub now: Now,
    pub settings: &'a Settings,
    pub is_marked: bool,
    pub memory: &'a Memory,
    /// What was from the future when the last report was written, or from another boot, is none of
    /// this look's business, nor is what has been read before and stands before something too old to matter: where the
    /// wall clock was set it may look younger.
    pub skips_left_out: bool,
}

/// A fact with its age.
#[derive(Clone, Debug)]
struct Event {
    age: i64,
    /// It was printed before the last report was written.
    is_known: bool,
    fact: Fact,
}

/// How a stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Good without interruption for so long.
    Good(i64),
    Held,
    Bad(&'static str),
}

/// One clock, as one program sees it.
struct Stream {
    leg: Leg,
    standing: Standing,
    /// A ptp4l that has only waited so far may yet turn out to give time only: the leg is not
    /// required for ever.
    is_seen: bool,
    /// All that is left of it has been read before, and is too old to be evidence.
    is_over: bool,
}

/// A sample before the rules.
#[derive(Clone, Copy, Debug)]
struct Sample {
    age: i64,
    magnitude: u128,
    is_locked: bool,
    /// Why not, where it is not.
    loss: &'static str,
}

/// Older than anything.
const EVER: i64 = i64::MAX;

pub fn decide(question: &Question<'_>) -> Answer {
    let (events, excluded) = events(question);
    let mut streams = streams(question, &events);
    // An earlier run, which has said whether the leg was seen, may have left it out.
    streams.retain(|stream| !(stream.is_over && stream.standing == Standing::Bad("stale")));
    let mut required = question.memory.legs.clone();
    required.extend(streams.iter().map(|stream| stream.leg));
    if required.is_empty() {
        let mut reasons = vec!["no-evidence"];
        reasons.extend(excluded);
        return Answer {
            in_sync: false,
            reasons,
        };
    }
    let mut is_held = false;
    let mut reasons = Vec::new();
    for leg in required {
        let standings: Vec<Standing> = (streams.iter())
            .filter(|stream| stream.leg == leg)
            .map(|stream| question.settled(stream.standing))
            .collect();
        if standings
            .iter()
            .any(|each| matches!(each, Standing::Good(_)))
        {
            continue;
        }
        if standings.contains(&Standing::Held) {
            is_held = true;
            continue;
        }
        // A leg of which nothing is left has gone quiet, or its lines do not count.
        let before = reasons.len();
        reasons.extend(standings.iter().filter_map(|each| match each {
            Standing::Bad(reason) => Some(*reason),
            _ => None,
        }));
        if reasons.len() == before {
            reasons.push("stale");
        }
    }
    if !reasons.is_empty() {
        reasons.extend(excluded);
        return Answer {
            in_sync: false,
            reasons,
        };
    }
    Answer {
        in_sync: true,
        reasons: vec![if is_held { "holding" } else { "within-limit" }],
    }
}

/// What this look would leave for a later one.
pub fn remember(question: &Question<'_>, log: Option<&str>) -> Memory {
    let (events, _) = events(question);
    let remembered = question.remembered();
    let mut memory = Memory {
        instances: remembered.clone(),
        ..question.memory.clone()
    };
    let streams = streams(question, &events);
    memory.legs.extend(
        streams
            .iter()
            .filter(|stream| stream.is_seen)
            .map(|stream| stream.leg),
    );
    memory.log = log.map(str::to_owned);
    memory.written = Some(question.now);
    memory.until = Some(question.now);
    memory.looks.push(question.now);
    memory.boundary_clocks.extend(instances(&events, "T-BC"));
    for name in instances(&events, "ptp4l") {
        let instance = memory.instances.entry(name.clone()).or_default();
        let own: Vec<&Event> = (events.iter())
            .filter(|event| event.is_of("ptp4l", &name))
            .collect();
        let edge = own.partition_point(|event| event.is_known);
        let roles = roles(&own, edge, instance);
        let takes_time = roles.values().any(|role| *role == Role::Client);
        let before = remembered.get(&name).cloned().unwrap_or_default();
        let ptp4l = ptp4l(question, &own, &before);
        instance.states_only = ptp4l.as_ref().is_none_or(|ptp4l| ptp4l.states_only);
        instance.is_client = ptp4l.is_some_and(|ptp4l| ptp4l.role == Role::Client);
        // The rest it knows already.
        for event in &own[edge..] {
            if let Some((number, from, to)) = event.change() {
                let role = roles[&number];
                let starts = from == "INITIALIZING" && !takes_time;
                instance.has_offsets &= !starts;
                let since = Now {
                    wall: question.now.wall - event.age,
                    uptime: question.now.uptime.map(|uptime| uptime - event.age),
                };
                let state = to.to_owned();
                instance.ports.insert(number, Port { state, role, since });
                instance.has_offsets &= role == Role::Server;
            } else {
                instance.has_offsets = true;
            }
        }
    }
    memory
}

impl Event {
    fn is_of(&self, program: &str, instance: &str) -> bool {
        self.fact.program == program && self.fact.instance == instance
    }

    /// The port, what it was, and what it is from then on.
    fn change(&self) -> Option<(u64, &str, &str)> {
        match &self.fact.what {
            What::Port { number, from, to } => Some((*number, from, to)),
            _ => None,
        }
    }
}

/// R1: everything that is evidence, in the order of the file, and why other lines are not.
fn events(question: &Question<'_>) -> (Vec<Event>, BTreeSet<&'static str>) {
    let now = question.now;
    let mut events = Vec::new();
    let mut excluded = BTreeSet::new();
    let edge = question.edge();
    let is_old = |message: &Message| {
        let then = bracket(&message.text).zip(now.uptime);
        then.is_some_and(|(then, uptime)| uptime.saturating_sub(then) > question.reach())
    };
    let known = &question.messages[..edge];
    let old = known.iter().rposition(is_old).unwrap_or(0);
    for (place, message) in question.messages.iter().enumerate() {
        let Some(fact) = read(&message.text) else {
            continue;
        };
        // By the time since boot, all that stands before this is older still.
        let is_behind = place < old && fact.bracket.is_none();
        let was_left_out = place < edge && question.was_left_out(message);
        if question.skips_left_out && (is_behind || was_left_out) {
            continue;
        }
        let by_log = message.wall.map(|wall| now.wall.saturating_sub(wall));
        let by_bracket = match (fact.bracket, now.uptime) {
            (Some(then), Some(uptime)) => Some(uptime.saturating_sub(then)),
            _ => None,
        };
        let mut exclude = |reason| {
            // A boundary clock's status is no evidence at any time.
            if fact.program != "T-BC" {
                excluded.insert(reason);
            }
        };
        let is_early = |age: Option<i64>| age.is_some_and(|age| age < -2 * SECOND);
        // What is not printed again counts by its bracket, if the clock was set since.
        let is_state = matches!(fact.what, What::Port { .. });
        let own = message.wall.zip(fact.bracket);
        let was_set = |then: Now| {
            let difference = then.wall.saturating_sub(then.uptime?);
            let own = own.map(|(wall, bracket)| wall.saturating_sub(bracket));
            own.map(|own| own.abs_diff(difference) <= 2 * SECOND.unsigned_abs())
        };
        let is_of_this_boot = is_state && question.memory.written.and_then(was_set) == Some(true);
        let is_out = is_early(by_log)
            || by_log.is_some_and(|age| now.uptime.is_some_and(|uptime| age > uptime));
        let is_set = is_out && is_of_this_boot && by_bracket.is_some_and(|age| age >= 0);
        let by_log = by_log.filter(|_| !is_set);
        if by_log.is_some_and(|age| now.uptime.is_some_and(|uptime| age > uptime)) {
            exclude("from-another-boot");
        } else if is_early(by_log) || is_early(by_bracket) {
            exclude("from-the-future");
        } else if let Some(age) = by_log.max(by_bracket) {
            let age = age.max(0);
            events.push(Event {
                age,
                is_known: place < edge,
                fact,
            });
        } else {
            exclude("no-evidence");
        }
    }
    (events, excluded)
}

fn instances(events: &[Event], program: &str) -> BTreeSet<String> {
    (events.iter())
        .filter(|event| event.fact.program == program)
        .map(|event| event.fact.instance.clone())
        .collect()
}

/// Everything that speaks for or against a leg.
fn streams(question: &Question<'_>, events: &[Event]) -> Vec<Stream> {
    let remembered = question.remembered();
    let mut streams = Vec::new();
    let mut clients = BTreeSet::new();
    let edge = (events.iter().rposition(|event| event.is_known)).map_or(0, |known| known + 1);
    let is_over = |program: &str, name: &str| {
        let mut own = events.iter().enumerate();
        own.all(|(place, event)| {
            !event.is_of(program, name) || place < edge && event.age > question.reach()
        })
    };
    let mut names = instances(events, "ptp4l");
    names.extend(remembered.keys().cloned());
    for name in names {
        let own: Vec<&Event> = (events.iter())
            .filter(|event| event.is_of("ptp4l", &name))
            .collect();
        let before = remembered.get(&name).cloned().unwrap_or_default();
        if let Some(ptp4l) = ptp4l(question, &own, &before) {
            if ptp4l.role == Role::Client {
                clients.insert(profile(&name).to_owned());
            }
            streams.push(Stream {
                leg: Leg::Reference,
                standing: ptp4l.standing,
                is_seen: ptp4l.role != Role::Waiting,
                is_over: is_over("ptp4l", &name),
            });
        }
    }
    let mut cards = instances(events, "ts2phc");
    cards.extend(instances(events, "GM"));
    for name in cards {
        // A telco boundary clock's ts2phc hands on what ptp4l gets.
        let is_boundary = question.memory.boundary_clocks.contains(&name)
            || events.iter().any(|event| event.is_of("T-BC", &name));
        if !is_boundary && !clients.contains(profile(&name)) {
            streams.extend(
                grandmaster(question, events, &name)
                    .into_iter()
                    .map(|standing| Stream {
                        leg: Leg::Reference,
                        standing,
                        is_seen: true,
                        is_over: is_over("ts2phc", &name) && is_over("GM", &name),
                    }),
            );
        }
    }
    for name in instances(events, "phc2sys") {
        let mut samples = samples(events, "phc2sys", &name, "");
        question.forget(&mut samples, |sample| sample.age);
        streams.push(Stream {
            leg: Leg::SystemClock,
            standing: question.judge(&samples),
            is_seen: true,
            is_over: is_over("phc2sys", &name),
        });
    }
    streams
}

/// The number that joins the programs of a profile: `ptp4l.1.config`, `ts2phc.1.config`.
fn profile(instance: &str) -> &str {
    let number = (instance.split_once('.')).and_then(|(_, rest)| rest.strip_suffix(".config"));
    number.unwrap_or(instance)
}

/// The samples of a clock whose program tells its own locks.
fn samples(events: &[Event], program: &str, instance: &str, device: &str) -> Vec<Sample> {
    (events.iter())
        .filter(|event| event.is_of(program, instance))
        .filter_map(|event| match &event.fact.what {
            What::Offset {
                device: of,
                magnitude,
                servo,
                holdover,
            } if of == device => Some(Sample {
                age: event.age,
                magnitude: *magnitude,
                is_locked: *servo != Servo::Unlocked && !holdover,
                loss: if *holdover {
                    "reference-lost"
                } else {
                    "servo-unlocked"
                },
            }),
            _ => None,
        })
        .collect()
}

impl Question<'_> {
    /// R2
    fn limit(&self) -> u128 {
        let Settings {
            max_offset,
            threshold,
            ..
        } = self.settings;
        let limit = if self.is_marked {
            max_offset + threshold
        } else {
            max_offset - threshold
        };
        limit.unsigned_abs().into()
    }

    /// R3
    fn is_good(&self, sample: &Sample) -> bool {
        sample.is_locked && sample.magnitude <= self.limit()
    }

    /// R1
    fn is_fresh(&self, age: i64) -> bool {
        age <= self.settings.sync_age
    }

    /// How old a sample can be and still matter.
    fn reach(&self) -> i64 {
        let settings = self.settings;
        (settings.sync_age + settings.window.max(settings.settle)).max(settings.holdover)
    }

    /// What stands before something too old to matter is older still, whatever a clock that was set
    /// makes of it. The newest stays.
    fn forget<T>(&self, seen: &mut Vec<T>, age: impl Fn(&T) -> i64) {
        let old = seen.iter().rposition(|each| age(each) > self.reach());
        if let Some(old) = old {
            seen.drain(..seen.len().min(old + 2) - 1);
        }
    }

    /// R4: what stands for the newest sample.
    fn judged(&self, samples: &[Sample]) -> u128 {
        let newest = samples.last().expect("a sample");
        let mut window: Vec<u128> = (samples.iter())
            .filter(|sample| sample.age - newest.age <= self.settings.window)
            .map(|sample| sample.magnitude)
            .collect();
        if self.settings.window == 0 {
            return newest.magnitude;
        }
        window.sort_unstable();
        window[window.len() / 2]
    }

    /// R5: a loss, with the age of what was good last.
    fn lost(&self, last_good: Option<i64>, reason: &'static str) -> Standing {
        match last_good {
            Some(age) if self.is_marked && age <= self.settings.holdover => Standing::Held,
            _ => Standing::Bad(reason),
        }
    }

    /// R4, R5 for a clock of which there are samples only.
    fn judge(&self, samples: &[Sample]) -> Standing {
        let newest = samples.last().expect("a sample");
        if !self.is_fresh(newest.age) {
            return Standing::Bad("stale");
        }
        if self.judged(samples) > self.limit() {
            return Standing::Bad("offset-over-limit");
        }
        if newest.is_locked {
            return Standing::Good(self.run(samples));
        }
        let last_good = samples.iter().rev().find(|sample| self.is_good(sample));
        self.lost(last_good.map(|sample| sample.age), newest.loss)
    }

    /// For how long all samples have been good.
    fn run(&self, samples: &[Sample]) -> i64 {
        let good = samples
            .iter()
            .rev()
            .take_while(|sample| self.is_good(sample) && sample.age <= self.reach());
        good.last().map_or(i64::MIN, |oldest| oldest.age)
    }

    /// R10
    fn settled(&self, standing: Standing) -> Standing {
        let settle = self.settings.settle;
        match standing {
            Standing::Good(since) if !self.is_marked && settle > 0 && since < settle => {
                Standing::Bad("settling")
            }
            _ => standing,
        }
    }

    /// R9: what earlier runs know about each ptp4l. Where lines of the log are gone that nobody
    /// has read, no port's state is known any more.
    fn remembered(&self) -> BTreeMap<String, Instance> {
        let mut instances = self.memory.instances.clone();
        if self.edge() == 0 {
            for instance in instances.values_mut() {
                instance.ports.clear();
            }
            instances.retain(|_, instance| instance.is_client);
        }
        instances
    }

    /// R9: was something printed before the last report was written? The wall clock may have been
    /// set since.
    fn is_known(&self, wall: Option<i64>, bracket: Option<i64>) -> bool {
        let Some(until) = self.memory.until else {
            return false;
        };
        match (bracket, until.uptime, self.now.uptime) {
            (Some(then), Some(until), Some(_)) => then <= until,
            _ => {
                wall.is_some_and(|wall| self.now.wall.saturating_sub(wall) >= self.age_of_memory())
            }
        }
    }

    /// So many messages had been read when the last report was written.
    fn edge(&self) -> usize {
        let mut messages = self.messages.iter();
        let last =
            messages.rposition(|message| self.is_known(message.wall, bracket(&message.text)));
        last.map_or(0, |last| last + 1)
    }

    /// Was a message from the future when an earlier look met it, or from another boot?
    fn was_left_out(&self, message: &Message) -> bool {
        let is_out = |look: &Now| {
            let age = message.wall.map(|wall| look.wall.saturating_sub(wall));
            age.is_some_and(|age| {
                age < -2 * SECOND || look.uptime.is_some_and(|uptime| age > uptime)
            })
        };
        let then = bracket(&message.text);
        let mut looks = self.memory.looks.iter();
        self.memory.until.as_ref().is_some_and(is_out)
            || looks.any(|look| then.is_some() && then <= look.uptime && is_out(look))
    }

    /// How long ago the last report was written.
    fn age_of_memory(&self) -> i64 {
        self.age_of(self.memory.until.unwrap_or(self.now))
    }

    /// How long ago a moment was, by the clock that says longer.
    fn age_of(&self, moment: Now) -> i64 {
        let by_bracket = self.now.uptime.zip(moment.uptime);
        (by_bracket.map_or(0, |(now, then)| now.saturating_sub(then)))
            .max(self.now.wall.saturating_sub(moment.wall))
    }
}

/// How one ptp4l stands, and what a later look will want to know of it.
struct Ptp4l {
    standing: Standing,
    role: Role,
    /// A port has followed after a change that is newer than the last offset, if there is any.
    states_only: bool,
}

/// R3 to R6 for one ptp4l. None if it takes no time from anybody.
fn ptp4l(question: &Question<'_>, events: &[&Event], before: &Instance) -> Option<Ptp4l> {
    // Up to there an earlier run has read, and remembers what came out.
    let edge = (events.iter().rposition(|event| event.is_known)).map_or(0, |known| known + 1);
    let changes: Vec<_> = events.iter().filter_map(|event| event.change()).collect();
    let roles = roles(events, edge, before);
    let has = |role: Role| roles.values().any(|each| *each == role);
    let is_offset = |event: &&Event| matches!(event.fact.what, What::Offset { .. });
    let has_offsets = before.has_offsets || events.iter().any(is_offset);
    let starts = |event: &&Event| matches!(&event.fact.what, What::Port { from, .. } if from == "INITIALIZING");
    let since_start = events.iter().rposition(starts).unwrap_or(0);
    let has_new_offsets = events[since_start..].iter().any(is_offset)
        || before.is_client && !events[edge..].iter().any(starts);
    let role = if has_new_offsets || has(Role::Client) {
        Role::Client
    } else if has(Role::Server) || roles.is_empty() {
        Role::Server
    } else {
        Role::Waiting
    };
    if role == Role::Server && !has_offsets {
        return None;
    }

    // Ports that only give time say nothing, nor do those that wait beside them.
    let speaks = |number: &u64| match roles.get(number) {
        Some(Role::Client) => true,
        Some(Role::Waiting) => !has(Role::Server),
        Some(Role::Server) | None => false,
    };
    // Where each port was before its first line, or as far as anybody knows.
    let mut ports: BTreeMap<u64, &str> = (before.ports.iter())
        .map(|(number, port)| (*number, port.state.as_str()))
        .collect();
    for (number, from, _) in changes.iter().rev() {
        ports.insert(*number, from);
    }
    ports.retain(|number, _| speaks(number));
    let is_slave = |ports: &BTreeMap<u64, &str>| ports.values().any(|state| *state == "SLAVE");

    let mut samples: Vec<Sample> = Vec::new();
    // A state has taken the offsets' place: they have never been there, or it is newer.
    let mut superseded = !has_offsets;
    let mut states_only = true;
    // Since when each port has been what it is.
    let mut since: BTreeMap<u64, i64> = (ports.keys())
        .map(|number| {
            let known = before.ports.get(number);
            (
                *number,
                known.map_or(EVER, |port| question.age_of(port.since)),
            )
        })
        .collect();
    let mut last_good = None;
    // When it ceased to.
    let mut left = None;
    let mut good_since = None;
    for place in 0..=events.len() {
        if place == edge {
            for (number, port) in before.ports.iter().filter(|(number, _)| speaks(number)) {
                let mut known = events[..edge]
                    .iter()
                    .rev()
                    .filter_map(|event| event.change());
                let said = known.find(|(of, _, _)| of == number).map(|(_, _, to)| to);
                if said == Some(&port.state) {
                    continue;
                }
                let age = question.age_of(port.since);
                ports.insert(*number, &port.state);
                since.insert(*number, age);
                good_since = good_since.filter(|since| is_slave(&ports) || age > *since);
            }
            // Else offsets have come after the states.
            if !before.has_offsets && before.ports.keys().any(speaks) {
                superseded = true;
                states_only |= is_slave(&ports);
            }
            states_only |= before.states_only;
        }
        let Some(event) = events.get(place) else {
            break;
        };
        match &event.fact.what {
            What::Offset {
                magnitude, servo, ..
            } => {
                let follows = ports.is_empty() || is_slave(&ports);
                let sample = Sample {
                    age: event.age,
                    magnitude: *magnitude,
                    is_locked: match servo {
                        Servo::Locked => true,
                        Servo::Unlocked => false,
                        Servo::Unsaid => follows,
                    },
                    loss: if *servo == Servo::Unsaid {
                        "reference-lost"
                    } else {
                        "servo-unlocked"
                    },
                };
                superseded = false;
                states_only = false;
                left = None;
                if event.age > question.reach() {
                    samples.clear();
                    last_good = None;
                    good_since = None;
                }
                if question.is_good(&sample) {
                    last_good = Some(event.age);
                    good_since =
                        good_since.or(Some(event.age).filter(|age| *age <= question.reach()));
                } else {
                    good_since = None;
                }
                samples.push(sample);
            }
            What::Port { number, from, to } => {
                if from == "SLAVE" {
                    left = Some(event.age);
                }
                if !speaks(number) {
                    continue;
                }
                ports.insert(*number, to);
                since.insert(*number, event.age);
                superseded = true;
                states_only |= is_slave(&ports);
                good_since = good_since.filter(|_| is_slave(&ports));
            }
            _ => {}
        }
    }

    let slaves = (ports.iter()).filter(|(_, state)| **state == "SLAVE");
    let slave_for = slaves.filter_map(|(number, _)| since.get(number)).max();
    let is_over = samples.last().is_some_and(|newest| {
        question.is_fresh(newest.age) && question.judged(&samples) > question.limit()
    });
    let standing = match samples.last() {
        _ if is_over => Standing::Bad("offset-over-limit"),
        // It is known to take time, and nothing else.
        None if ports.is_empty() => Standing::Bad("stale"),
        _ if superseded => match slave_for {
            Some(age) => Standing::Good(*age),
            None => {
                let left = left.filter(|_| states_only);
                question.lost(left.or(last_good), "reference-lost")
            }
        },
        None => Standing::Bad("stale"),
        Some(newest) if !question.is_fresh(newest.age) => Standing::Bad("stale"),
        Some(newest) if newest.is_locked => Standing::Good(good_since.unwrap_or(i64::MIN)),
        Some(newest) => question.lost(last_good, newest.loss),
    };
    Some(Ptp4l {
        standing,
        role,
        states_only,
    })
}

/// What each port has done since ptp4l started.
fn roles(events: &[&Event], edge: usize, before: &Instance) -> BTreeMap<u64, Role> {
    let mut states: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
    for place in 0..=events.len() {
        if place == edge {
            for (number, port) in &before.ports {
                // It knows of all before, be it of lines that seem to be from the future by now.
                let as_good_as_any = match port.role {
                    Role::Client => Some("SLAVE"),
                    Role::Server => Some("MASTER"),
                    Role::Waiting => None,
                };
                let known = as_good_as_any.into_iter().chain([port.state.as_str()]);
                states.insert(*number, known.collect());
            }
        }
        let change = events.get(place).and_then(|event| event.change());
        if let Some((number, from, to)) = change {
            let states = states.entry(number).or_default();
            if from == "INITIALIZING" {
                states.clear();
            }
            states.extend([from, to]);
        }
    }
    let role = |states: BTreeSet<&str>| {
        let any = |of: &[&str]| states.iter().any(|state| of.contains(state));
        if any(&["SLAVE", "UNCALIBRATED"]) {
            Role::Client
        } else if any(&["MASTER", "PASSIVE", "GRAND_MASTER", "PRE_MASTER"]) {
            Role::Server
        } else {
            Role::Waiting
        }
    };
    (states.into_iter())
        .map(|(number, states)| (number, role(states)))
        .collect()
}

/// R3 to R5, R7 for the cards of a grandmaster: ts2phc, and what linuxptp-daemon says about it.
fn grandmaster(question: &Question<'_>, events: &[Event], instance: &str) -> Vec<Standing> {
    let mut status: Vec<(i64, bool)> = (events.iter())
        .filter(|event| event.is_of("GM", instance))
        .filter_map(|event| match event.fact.what {
            What::Status { locked } => Some((event.age, locked)),
            _ => None,
        })
        .collect();
    // They age as samples do.
    question.forget(&mut status, |(age, _)| *age);
    let fresh = status.last().filter(|(age, _)| question.is_fresh(*age));
    // Since when the daemon has said that the source is lost.
    let lost_since = fresh.filter(|(_, locked)| !locked).and_then(|_| {
        let lost = status.iter().rev().take_while(|(_, locked)| !locked);
        lost.map(|(age, _)| *age).last()
    });
    let locked = status.iter().rev().take_while(|(_, locked)| *locked);
    let locked_since = locked.last().map_or(i64::MIN, |(age, _)| *age);
    let devices: BTreeSet<&str> = (events.iter())
        .filter(|event| event.is_of("ts2phc", instance))
        .filter_map(|event| match &event.fact.what {
            What::Offset { device, .. } => Some(device.as_str()),
            _ => None,
        })
        .collect();
    let mut standings = Vec::new();
    let mut has_fresh = false;
    for device in devices {
        let mut samples = samples(events, "ts2phc", instance, device);
        question.forget(&mut samples, |sample| sample.age);
        // What is printed meanwhile is not good, and what was printed before is over.
        for sample in &mut samples {
            sample.is_locked &= lost_since.is_none_or(|since| sample.age >= since);
        }
        let newest = samples.last_mut().expect("the device has samples");
        if lost_since.is_some() {
            newest.loss = "reference-lost";
        }
        has_fresh |= question.is_fresh(newest.age);
        standings.push(match (question.judge(&samples), lost_since) {
            (Standing::Good(_), Some(_)) => {
                let last = samples.iter().rev().find(|sample| question.is_good(sample));
                question.lost(last.map(|sample| sample.age), "reference-lost")
            }
            // Both must have said so for that long.
            (Standing::Good(since), None) if fresh.is_some() => {
                Standing::Good(since.min(locked_since))
            }
            (standing, _) => standing,
        });
    }
    if !has_fresh && !status.is_empty() {
        let last_good = status.iter().rev().find(|(_, locked)| *locked);
        standings.push(match fresh {
            None => Standing::Bad("stale"),
            Some((_, true)) => Standing::Good(locked_since),
            Some(_) => question.lost(last_good.map(|(age, _)| *age), "reference-lost"),
        });
    }
    standings
}

//! The auditor's exam: one anomaly is planted in an otherwise clean world, and exactly that must be
//! found; clean worlds of every kind must come out clean. Only an auditor that passes both halves
//! says anything by finding nothing.

mod invariants;
mod matrix;
mod world;

use chaos_scenarios::measure::Fate;

use self::world::World;
use super::auditors::{checked, database_of};
use super::{reconcile, record};
use crate::reconcile::BOTH_AUDITORS;
use crate::record::final_state::{AuditRow, SourcedRow};

/// One question of the exam.
struct Question {
    /// What is planted.
    name: String,
    /// Where.
    world: World,
    /// What happens to what the database tells.
    forged: Option<Forgery>,
    /// The fate of the one order that is not fine, if one is not.
    fate: Option<Fate>,
    /// Exactly the invariants that are broken.
    broken: Vec<&'static str>,
}

/// How a database contradicts the audit.
#[derive(Debug, Clone)]
enum Forgery {
    /// It tells something else of a thing.
    Changed(usize, AuditRow),
    /// It does not know a thing.
    Missing(usize),
    /// It knows a thing twice.
    Twice(usize),
}

impl Question {
    fn new(name: impl Into<String>, world: World) -> Self {
        Self { name: name.into(), world, forged: None, fate: None, broken: Vec::new() }
    }

    fn fate(mut self, fate: Fate) -> Self {
        self.fate = Some(fate).filter(|fate| *fate != Fate::Fine);
        self
    }

    fn broken(mut self, ids: &[&'static str]) -> Self {
        self.broken = ids.to_vec();
        self
    }

    fn is_anomaly(&self) -> bool {
        self.fate.is_some() || !self.broken.is_empty()
    }

    /// What the auditor finds: fates other than fine, and broken invariants.
    fn found(&self) -> (Vec<Fate>, Vec<String>) {
        let mut state = self.world.state();
        let mut database = database_of(&state);
        if let Some(forgery) = &self.forged {
            forge(&mut database, forgery);
        }
        state.rows.extend(database);
        let known =
            reconcile(&checked(record()), &self.world.orders, &state).expect("there are orders");
        let bad = known.orders.iter().filter_map(|order| order.fate);
        let broken = known.invariants.iter().filter(|it| it.held == Some(false));
        (bad.filter(|fate| *fate != Fate::Fine).collect(), broken.map(|it| it.id.clone()).collect())
    }

    /// What is wrong with the answer, if anything is.
    fn marked(&self) -> Result<(), String> {
        let (fates, broken) = self.found();
        let right = fates == self.fate.into_iter().collect::<Vec<_>>() && broken == self.broken;
        right.then_some(()).ok_or_else(|| {
            let (fate, expected) = (self.fate, &self.broken);
            format!("{}: {fate:?} {expected:?} planted, {fates:?} {broken:?} found", self.name)
        })
    }
}

fn forge(database: &mut Vec<SourcedRow>, forgery: &Forgery) {
    match forgery {
        Forgery::Changed(place, row) => database[*place].row = row.clone(),
        Forgery::Missing(place) => drop(database.remove(*place)),
        Forgery::Twice(place) => database.push(database[*place].clone()),
    }
}

/// A lie of each kind about a row of every table.
fn forgeries() -> Vec<Question> {
    let world = World::clean();
    let told = database_of(&world.state());
    let mut questions = Vec::new();
    for (name, field, value) in world::LIES {
        let place = told.iter().position(|row| row.row.table().name() == name);
        let place = place.unwrap_or_else(|| panic!("no row of {name} to lie about"));
        let changed = world::with(&told[place].row, field, value);
        let kinds =
            [Forgery::Changed(place, changed), Forgery::Missing(place), Forgery::Twice(place)];
        questions.extend(kinds.map(|forgery| {
            let name = format!("the database about {name}: {forgery:?}");
            let question = Question::new(name, world.clone()).broken(&[BOTH_AUDITORS]);
            Question { forged: Some(forgery), ..question }
        }));
    }
    questions
}

#[test]
fn every_planted_anomaly_is_found_and_nothing_else() {
    let questions: Vec<Question> = matrix::cells()
        .into_iter()
        .chain(invariants::violations())
        .chain(forgeries())
        .chain(matrix::clean_worlds())
        .collect();
    let (planted, clean): (Vec<&Question>, Vec<&Question>) =
        questions.iter().partition(|question| question.is_anomaly());
    let wrong: Vec<String> = questions.iter().filter_map(|it| it.marked().err()).collect();
    let passed = |of: &[&Question]| of.iter().filter(|it| it.marked().is_ok()).count();
    println!("anomalies found / planted: {} / {}", passed(&planted), planted.len());
    println!("clean worlds found clean: {} / {}", passed(&clean), clean.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let asked = |id: &str| planted.iter().any(|question| question.broken.contains(&id));
    let unasked: Vec<String> =
        (1..=13).map(|number| format!("I{number}")).filter(|id| !asked(id)).collect();
    assert!(unasked.is_empty(), "no question breaks {unasked:?}");
    for fate in Fate::ALL.into_iter().filter(|fate| !matches!(fate, Fate::Fine | Fate::Unverified))
    {
        assert!(planted.iter().any(|question| question.fate == Some(fate)), "no {fate} is planted");
    }
}

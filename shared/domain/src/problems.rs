//! What is wrong with a request, field by field.

/// One field that is wrong, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    pub field: String,
    pub problem: String,
}

/// More than so many are not told: they are one mistake.
const PROBLEMS_MAX: usize = 20;

/// Collects them, so that a caller is told all at once.
#[derive(Debug, Default)]
pub struct Problems(Vec<FieldProblem>);

impl Problems {
    pub fn add(&mut self, field: &str, problem: impl ToString) {
        if self.0.len() < PROBLEMS_MAX {
            self.0.push(FieldProblem { field: field.to_owned(), problem: problem.to_string() });
        }
    }

    pub fn require(&mut self, field: &str, holds: bool, problem: &str) {
        if !holds {
            self.add(field, problem);
        }
    }

    pub fn keep<T, E: ToString>(&mut self, field: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.add(field, error)).ok()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn list(self) -> Vec<FieldProblem> {
        self.0
    }
}

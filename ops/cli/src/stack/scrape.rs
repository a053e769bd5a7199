use std::net::SocketAddr;
use std::sync::LazyLock;

/// What a process measured, in the text form of Prometheus.
#[derive(Debug, Clone, Default)]
pub struct Scrape(String);

impl Scrape {
    pub async fn of(ops: SocketAddr) -> anyhow::Result<Self> {
        // One client: making one reads every certificate authority of the machine.
        static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(reqwest::Client::new);
        let answer = CLIENT.get(format!("http://{ops}/metrics")).send().await?.error_for_status()?;
        Ok(Self(answer.text().await?))
    }

    /// The sum of a metric over all its labels that contain `label`.
    pub fn sum(&self, name: &str, label: &str) -> f64 {
        self.samples(name).filter(|(labels, _)| labels.contains(label)).map(|(_, value)| value).sum()
    }

    /// The bound below which so many parts of a histogram's values lie, interpolated within its bucket.
    pub fn quantile(&self, histogram: &str, part: f64) -> f64 {
        let buckets: Vec<(f64, f64)> = self
            .samples(&format!("{histogram}_bucket"))
            .filter_map(|(labels, count)| {
                let bound = labels.split("le=\"").nth(1)?.split('"').next()?;
                Some((bound.parse().unwrap_or(f64::INFINITY), count))
            })
            .collect();
        let wanted = buckets.last().map_or(0.0, |(_, all)| all * part);
        let (mut from, mut before) = (0.0, 0.0);
        for (bound, count) in buckets {
            if count >= wanted && count > before {
                let upto = if bound.is_finite() { bound } else { from };
                return from + (upto - from) * (wanted - before) / (count - before);
            }
            (from, before) = (bound, count);
        }
        from
    }

    fn samples<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            (labels.is_empty() || labels.starts_with('{')).then_some((labels, value.parse().ok()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_summed_and_quantiles_interpolated() {
        let scrape = Scrape(
            "a_total{by=\"worker\",scope=\"sender\"} 3\na_total{by=\"api\"} 4\na_totals 9\n\
             t_bucket{le=\"0.1\"} 50\nt_bucket{le=\"0.2\"} 100\nt_bucket{le=\"+Inf\"} 100\n"
                .to_owned(),
        );
        assert_eq!(scrape.sum("a_total", ""), 7.0);
        assert_eq!(scrape.sum("a_total", "worker"), 3.0);
        assert!((scrape.quantile("t", 0.75) - 0.15).abs() < 1e-9);
    }
}

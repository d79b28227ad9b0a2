//! Asks STS, if this program can.

use anyhow::Result;
use keyhound::finding::Finding;
use keyhound::scan::Control;
use keyhound::verify::Summary;

use super::Flags;
use crate::cli::common::Common;

#[cfg(not(feature = "verify"))]
const NOT_BUILT: &str = "this keyhound was built without verification: build it with the cargo feature `verify`, which is on by default";

/// Whether STS could be asked with these options.
#[cfg(not(feature = "verify"))]
pub(super) fn check(_flags: &Flags) -> Result<()> {
    anyhow::bail!(NOT_BUILT)
}

/// Ask about the credentials of findings.
#[cfg(not(feature = "verify"))]
pub(super) fn ask(
    _findings: &mut [Finding],
    _common: &Common,
    _control: &std::sync::Arc<Control>,
) -> Result<Summary> {
    anyhow::bail!(NOT_BUILT)
}

#[cfg(feature = "verify")]
pub(super) use with_sts::{ask, check};

#[cfg(feature = "verify")]
mod with_sts {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::time::{Duration, Instant};

    use anyhow::Context as _;
    use keyhound::verify::sts::{Settings, Sts};
    use keyhound::verify::{Progress, Until, verify};

    use super::{Common, Control, Finding, Flags, Result, Summary};
    use crate::cli::common::env;
    use crate::cli::progress;

    /// Whether STS could be asked with these options.
    pub(in crate::cli::verify) fn check(flags: &Flags) -> Result<()> {
        sts(flags).map(drop)
    }

    /// Ask about the credentials of findings.
    pub(in crate::cli::verify) fn ask(
        findings: &mut [Finding],
        common: &Common,
        control: &Arc<Control>,
    ) -> Result<Summary> {
        let flags = &common.verify;
        let sts = sts(flags)?;
        let progress = Arc::new(Progress::default());
        let shown = Arc::clone(&progress);
        let line = progress::Progress::saying(common.progress(), move |_| {
            let [done, total, active] =
                [&shown.done, &shown.total, &shown.active].map(|n| n.load(Ordering::Relaxed));
            format!("asked AWS about {done} of {total} keys, {active} active (Ctrl-C reports what is known)")
        });
        let deadline = Instant::now() + Duration::from_secs(flags.verify_timeout.into());
        let until = Until { stop: &control.stop, deadline };
        let summary = verify(findings, &sts, &flags.options(), &until, &progress);
        drop(line);
        Ok(summary)
    }

    fn sts(flags: &Flags) -> Result<Sts> {
        let text = |names: &[&str]| names.iter().find_map(|name| env(name)?.into_string().ok());
        let endpoint = flags.sts_endpoint.clone().or_else(|| text(&["AWS_ENDPOINT_URL_STS"]));
        let bundle = env("AWS_CA_BUNDLE");
        let ca_bundle = bundle
            .as_ref()
            .map(|path| std::fs::read(path).context("cannot read the file that AWS_CA_BUNDLE names"))
            .transpose()?;
        let settings = Settings {
            endpoint,
            ca_bundle,
            proxy: text(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]),
            no_proxy: text(&["NO_PROXY", "no_proxy"]),
            call_timeout: Duration::from_secs(flags.sts_timeout.into()),
            ..Settings::default()
        };
        Sts::new(&settings).context("AWS STS cannot be asked")
    }
}

//! What a demo says when it runs: where it is, what to watch, and that nothing of it is real.

use std::io::{self, Write};

use super::{Demo, Setup};

/// Prints it. A closed standard output is nobody's problem.
pub(super) fn print(demo: &Demo, setup: &Setup) {
    let _ = write(&mut io::stdout().lock(), demo, setup);
}

fn write(out: &mut impl Write, demo: &Demo, setup: &Setup) -> io::Result<()> {
    let (url, pace) = (&demo.public_url, setup.pace);
    writeln!(out, "Jetbridge demo listens on {url} (a simulation: nobody in it is real)\n")?;
    writeln!(out, "  Sign in  {}", demo.sign_in_link())?;
    writeln!(out, "           (once, within 15 minutes)\n")?;
    writeln!(out, "What to watch:")?;
    writeln!(out, "  {url}/boards      cards appear and move by themselves, about every {pace}")?;
    writeln!(
        out,
        "  {url}/deliveries  each webhook and what became of it; now and then one fails"
    )?;
    writeln!(
        out,
        "                               and waits for a replay, which you may ask for\n"
    )?;
    writeln!(out, "A GitHub ({}) and a Plane ({})", demo.github.api_url(), demo.plane.api_url())?;
    writeln!(out, "are played inside this process. What is configured for the real ones, for the")?;
    writeln!(out, "database and for repositories is not used: nothing real is asked or told.")?;
    writeln!(
        out,
        "Data: {} ({}); seed {}",
        demo.folder().display(),
        demo.folder_fate(),
        setup.seed
    )?;
    writeln!(out, "Ctrl-C ends it. jetbridge serve starts the real one.\n")
}

//! A headless Chromium, driven over `WebDriver`; both end with the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::Served;

/// A browser with a profile of its own.
pub struct Browser {
    pub page: Client,
    driver: Child,
    /// Where the driver listens, and the path of our session there.
    session: (u16, String),
    _profile: TempDir,
}

type Lines = std::iter::MapWhile<
    std::io::Lines<BufReader<ChildStdout>>,
    fn(std::io::Result<String>) -> Option<String>,
>;

/// The driver with what it prints and its port; `None` where somebody else took the port that it
/// had chosen.
fn start_driver() -> Option<(Child, Lines, u16)> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver is not installed: run ./test, or apt-get install chromium chromium-driver");
    let printed = BufReader::new(driver.stdout.take().expect("piped"));
    let mut lines: Lines = printed.lines().map_while(Result::ok);
    let port = lines.find_map(|line| {
        line.split("successfully on port ").nth(1)?.trim_end_matches('.').parse().ok()
    });
    if port.is_none() {
        drop(driver.wait());
    }
    Some((driver, lines, port?))
}

impl Browser {
    /// Opens a window of this size.
    ///
    /// # Panics
    /// When Chromium or its driver is not installed: a test that needs them must not pass
    /// without them.
    pub async fn open(width: u32, height: u32) -> Self {
        let (driver, lines, port) = std::iter::repeat_with(start_driver)
            .take(5)
            .flatten()
            .next()
            .expect("the driver's port");
        std::thread::spawn(move || lines.for_each(drop));
        let profile = tempfile::tempdir().expect("a folder");
        let options = json!({"args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
            format!("--window-size={width},{height}"), format!("--user-data-dir={}", profile.path().display()),
        ]});
        let wanted =
            json!({"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}});
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted.as_object().expect("an object").clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a browser");
        let id = page.session_id().await.expect("a session").expect("its id");
        Self { page, driver, session: (port, format!("/session/{id}")), _profile: profile }
    }

    /// Opens the link that the start printed, which signs in once, and presses its button.
    pub async fn sign_in(&self, served: &Served) {
        self.page.goto(&served.greeting_link()).await.expect("the sign-in page");
        self.press("main form button").await;
        self.arrive_at(&served.address("/boards")).await;
    }

    /// Waits until it is there.
    pub async fn arrive_at(&self, address: &str) {
        let address = address.parse().expect("an address");
        self.page.wait().for_url(&address).await.expect("the page");
    }

    /// Opens a page of the server.
    pub async fn go(&self, served: &Served, path: &str) {
        self.page.goto(&served.address(path)).await.expect("a page");
    }

    /// Clicks what is there, or will be in a moment.
    pub async fn press(&self, selector: &str) {
        let element = self.page.wait().for_element(Locator::Css(selector)).await;
        element.expect(selector).click().await.expect("a click");
    }

    /// What is seen there, on one line; nothing where there is nothing.
    pub async fn text_of(&self, selector: &str) -> String {
        let text = match self.page.find(Locator::Css(selector)).await {
            Ok(element) => element.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        };
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Makes the page itself so large: Chromium makes no window narrower than 500.
    pub async fn resize(&self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.command("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Prefers `light` or `dark`.
    pub async fn prefer(&self, colors: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": colors}]);
        self.command("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Cuts the page off from every server, or lets it back.
    pub async fn connect(&self, to: Network) {
        let offline = to == Network::Off;
        let state = json!({"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        self.command("Network.enable", json!({})).await;
        self.command("Network.emulateNetworkConditions", state).await;
    }

    async fn command(&self, name: &'static str, parameters: Value) {
        self.page.issue_cmd(OwnCommand(name, parameters)).await.expect("done");
    }

    /// Keeps a picture in the folder that `JETBRIDGE_SCREENSHOTS` names, if it does.
    pub async fn picture(&self, name: &str) {
        let Ok(folder) = std::env::var("JETBRIDGE_SCREENSHOTS") else { return };
        let png = self.page.screenshot().await.expect("a picture");
        std::fs::write(format!("{folder}/{name}.png"), png).expect("written");
    }

    /// What the page's console says, refused scripts and styles included.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.page.issue_cmd(ConsoleLog).await.expect("the log");
        let text =
            |entry: &serde_json::Value| entry["message"].as_str().unwrap_or_default().to_owned();
        entries.as_array().map(|all| all.iter().map(text).collect()).unwrap_or_default()
    }
}

/// Whether a page can reach anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    On,
    Off,
}

impl Browser {
    /// Ends Chromium. By hand, since nothing can be awaited while a test unwinds.
    fn end_session(&self) -> std::io::Result<()> {
        let (port, path) = &self.session;
        let mut driver = TcpStream::connect(("127.0.0.1", *port))?;
        driver.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            driver,
            "DELETE {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
        )?;
        driver.read_exact(&mut [0; 12])
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A driver that is merely ended leaves its Chromium behind now and then.
        let _ = self.end_session();
        let id = self.driver.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.driver.wait();
    }
}

/// One of Chromium's own commands.
#[derive(Debug)]
struct OwnCommand(&'static str, Value);

impl fantoccini::wd::WebDriverCompatibleCommand for OwnCommand {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        let body = json!({"cmd": self.0, "params": self.1});
        (http::Method::POST, Some(body.to_string()))
    }
}

/// Chromium's own command for reading the console.
#[derive(Debug)]
struct ConsoleLog;

impl fantoccini::wd::WebDriverCompatibleCommand for ConsoleLog {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({"type": "browser"}).to_string()))
    }
}

//! The class `AzureChatOpenAI`: OpenAI's chat language at Azure, whose addresses and keys are of another kind.

use url::Url;

use super::Provider;
use super::call::{Job, Plan};
use super::call_methods::llm_methods;
use super::chat::{self, Chat};
use super::chat_openai::conversations;
use super::connection::Connection;
use super::methods::{connection_setters, openai_setters, system_setter};
use super::options::Options;
use crate::env_vars::{self, Env, EnvVars};
use crate::error::Error;
use crate::prompt::Prompt;
use crate::secret::Secret;
use crate::transport::segment;

/// Versions of the API without deployments in its addresses.
const WITHOUT_DEPLOYMENTS: [&str; 3] = ["v1", "preview", "latest"];

/// Conversations with a model that is deployed at Azure OpenAI.
///
/// A prompt is a text, which stands for one user message, or a list of [`Message`](crate::Message)s; each is a request of
/// its own, and all run at the same time. The resource is [`base_url`](Self::base_url) or the variable
/// `AZURE_OPENAI_ENDPOINT`, the key [`api_key`](Self::api_key) or `AZURE_OPENAI_API_KEY`, or else a token of Microsoft
/// Entra ID: [`azure_ad_token`](Self::azure_ad_token) or `AZURE_OPENAI_AD_TOKEN`.
///
/// Azure has two forms of address. With [`api_version`](Self::api_version) or `OPENAI_API_VERSION` it is that of
/// deployments, `/openai/deployments/DEPLOYMENT/chat/completions?api-version=VERSION`; without a version, or with `v1`,
/// `preview` or `latest`, it is `/openai/v1/chat/completions`. A base URL that has either already is left as it is.
///
/// A prompt that the content filter refuses is an error of kind
/// [`ErrorKind::ContentFilter`](crate::ErrorKind::ContentFilter). What it finds is in
/// [`generation_info`](crate::Generation::generation_info).
///
/// Defaults: one answer; no other option is sent unless set, so that the model's own count. An option that the model
/// refuses is left out and reported as `dropped_params`.
///
/// ```
/// # let sim = antiphon_sim::for_example();
/// use antiphon::AzureChatOpenAI;
///
/// let llm = AzureChatOpenAI::new("my-deployment").base_url("https://my-resource.openai.azure.com");
/// # let llm = llm.base_url(sim.base_url());
/// println!("{}", llm.generate(["Hello, how are you?"])?);
/// # assert_eq!(sim.requests()[0].path, "/openai/v1/chat/completions");
/// # Ok::<(), antiphon::Error>(())
/// ```
///
/// Reference: <https://learn.microsoft.com/en-us/azure/ai-services/openai/reference>
#[derive(Debug, Clone)]
pub struct AzureChatOpenAI {
    connection: Connection,
    options: Options,
    api_version: Option<String>,
}

impl AzureChatOpenAI {
    /// The default settings for a deployment, by its own name, which need not be the model's. Nothing is read or checked
    /// before a call.
    pub fn new(deployment: impl Into<String>) -> Self {
        let mut options = Options::new(0.0, None);
        options.temperature = None;
        Self { connection: Connection::new(Provider::AzureOpenAi), options, api_version: None }.model(deployment)
    }

    connection_setters!(connection);
    openai_setters!(options);
    system_setter!(options);

    /// Asks for this version of the API, for example `2024-10-21`.
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = Some(version.into());
        self
    }

    /// Sends a token of Microsoft Entra ID (Azure Active Directory) in place of a key. It counts before one.
    pub fn azure_ad_token(mut self, token: impl Into<String>) -> Self {
        self.connection.ad_token = Some(Secret::new(token));
        self
    }

    fn asks_for_equal_answers(&self) -> bool {
        self.options.temperature == Some(0.0) || self.options.seed.is_some()
    }

    /// Looks up and checks all that a call needs.
    fn plan(&self, prompts: Vec<Prompt>, is_stream: bool) -> Result<Plan, Error> {
        self.options.check(is_stream)?;
        let conversations = conversations(prompts.clone())?;
        let deployment = self.options.model.clone().unwrap_or_default();
        let mut endpoint = None;
        let mut jobs = Vec::new();
        if !prompts.is_empty() {
            let mut server = self.connection.endpoint(&env_vars::process)?;
            server.base_url = self.address(&server.base_url, &deployment, &env_vars::process);
            let bodies = conversations.iter().map(|messages| chat::body(&server, &self.options, &deployment, messages));
            let payloads = bodies.map(|body| self.connection.payload(&Chat::PLAIN, body, is_stream));
            jobs = payloads.enumerate().map(|(index, payload)| Job::single(index, payload)).collect();
            endpoint = Some(server);
        }
        let n = self.options.n as usize;
        Ok(Plan { n, jobs, ..Plan::new(&self.connection, endpoint, &Chat::PLAIN, deployment, prompts) })
    }

    /// Where the deployment is at the resource.
    fn address(&self, resource: &Url, deployment: &str, env: Env<'_>) -> Url {
        let version = self.api_version.clone().filter(|version| !version.is_empty());
        let version = version.or_else(|| Some(env_vars::first(env, &[EnvVars::OPENAI_API_VERSION])?.1));
        let is_v1 = version.as_deref().is_none_or(|version| WITHOUT_DEPLOYMENTS.contains(&version));
        let path = resource.path().trim_end_matches('/');
        let path = if path.ends_with("/openai/v1") || path.contains("/deployments/") {
            path.to_owned()
        } else {
            let root = path.strip_suffix("/openai").unwrap_or(path);
            let form = if is_v1 { "v1".to_owned() } else { format!("deployments/{}", segment(deployment)) };
            format!("{root}/openai/{form}")
        };
        let has_version = resource.query_pairs().any(|(name, _)| name == "api-version");
        // One that is meant for deployments would be refused.
        let version = version.filter(|_| !has_version && (is_v1 || !path.ends_with("/openai/v1")));
        let mut address = resource.clone();
        address.set_path(&path);
        if let Some(version) = version {
            address.query_pairs_mut().append_pair("api-version", &version);
        }
        address
    }
}

llm_methods!(AzureChatOpenAI, "AzureChatOpenAI", "AzureChatOpenAI::new(\"my-deployment\")");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_forms() {
        let check = |resource: &str, version: Option<&str>, expected: &str| {
            let url = Url::parse(resource).unwrap();
            let env = |name: &str| version.filter(|_| name == "OPENAI_API_VERSION").map(str::to_owned);
            let llm = AzureChatOpenAI::new("d 1");
            assert_eq!(llm.address(&url, "d 1", &env).as_str(), expected, "{resource} {version:?}");
            let set = llm.api_version(version.unwrap_or_default());
            assert_eq!(set.address(&url, "d 1", &|_| None).as_str(), expected, "{resource} {version:?}");
        };
        let dated = Some("2024-10-21");
        check("https://r.b/", dated, "https://r.b/openai/deployments/d%201?api-version=2024-10-21");
        check("https://r.b/openai/", dated, "https://r.b/openai/deployments/d%201?api-version=2024-10-21");
        check("https://r.b/", None, "https://r.b/openai/v1");
        check("https://r.b/x/openai", Some("preview"), "https://r.b/x/openai/v1?api-version=preview");
        check("https://r.b/openai/v1/", dated, "https://r.b/openai/v1");
        check("https://r.b/openai/v1/", Some("v1"), "https://r.b/openai/v1?api-version=v1");
        check("https://r.b/openai/deployments/e", dated, "https://r.b/openai/deployments/e?api-version=2024-10-21");
        check(
            "https://r.b/openai/deployments/e?api-version=1",
            dated,
            "https://r.b/openai/deployments/e?api-version=1",
        );
    }
}

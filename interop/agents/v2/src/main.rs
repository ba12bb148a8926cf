//! An agent of protocol v2 on the public crate for it: it decides by the path of a request and by
//! the words of a message, so that a check can ask for any decision.
//!
//!     judge-agent SOCKET

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zentinel_agent_protocol::v2::{AgentCapabilities, AgentHandlerV2, UdsAgentServerV2};
use zentinel_agent_protocol::{
    AgentResponse, AuditMetadata, Decision, EventType, HeaderOp, RequestHeadersEvent, WebSocketFrameEvent,
};

struct Judge;

#[async_trait::async_trait]
impl AgentHandlerV2 for Judge {
    fn capabilities(&self) -> AgentCapabilities {
        AgentCapabilities::new("judge", "Judge", "1.0.0").with_event(EventType::WebSocketFrame)
    }

    async fn on_request_headers(&self, event: RequestHeadersEvent) -> AgentResponse {
        let path = event.uri.split('?').next().unwrap_or_default();
        match path.rsplit('/').next().unwrap_or_default() {
            "block" => AgentResponse::block(403, Some("judged: no".to_owned())),
            "redirect" => AgentResponse::redirect("https://login.example.test/".to_owned(), 302),
            "challenge" => AgentResponse {
                decision: Decision::Challenge { challenge_type: "captcha".to_owned(), params: [].into() },
                ..AgentResponse::default_allow()
            },
            "headers" => AgentResponse::default_allow()
                .add_request_header(set("X-Judged-By", "judge"))
                .add_request_header(HeaderOp::Add { name: "X-Judged-As".to_owned(), value: "one".to_owned() })
                .add_request_header(HeaderOp::Add { name: "X-Judged-As".to_owned(), value: "two".to_owned() })
                .add_request_header(HeaderOp::Remove { name: "X-Client-Says".to_owned() })
                .add_response_header(set("X-Judged", "yes")),
            // What the agent was told, to be compared with what is true.
            "told" => AgentResponse::default_allow()
                .add_request_header(set("X-Told-Uri", &event.uri))
                .add_request_header(set("X-Told-Method", &event.method))
                .add_request_header(set("X-Told-Client", &event.metadata.client_ip))
                .add_request_header(set("X-Told-Route", event.metadata.route_id.as_deref().unwrap_or("-"))),
            _ => AgentResponse::default_allow(),
        }
    }

    async fn on_websocket_frame(&self, event: WebSocketFrameEvent) -> AgentResponse {
        let Ok(payload) = STANDARD.decode(&event.data) else {
            return AgentResponse::websocket_close(1008, "not base64".to_owned());
        };
        let text = String::from_utf8_lossy(&payload);
        if text.contains("hang") {
            tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
        }
        if text.contains("close me") {
            AgentResponse::websocket_close(4321, "judged: enough".to_owned()).with_audit(rule("judge-close"))
        } else if text.contains("drop me") {
            AgentResponse::websocket_drop().with_audit(rule("judge-drop"))
        } else if text.contains("tell") {
            // What the agent was told, as the reason of a close.
            let direction = if event.client_to_server { "up" } else { "down" };
            let told =
                [event.opcode.as_str(), direction, &event.frame_index.to_string(), &event.fin.to_string()];
            let route = event.route_id.unwrap_or_default();
            AgentResponse::websocket_close(4000, format!("{} {route} {}", told.join(" "), event.client_ip))
        } else {
            AgentResponse::websocket_allow()
        }
    }
}

fn set(name: &str, value: &str) -> HeaderOp {
    HeaderOp::Set { name: name.to_owned(), value: value.to_owned() }
}

fn rule(id: &str) -> AuditMetadata {
    AuditMetadata {
        tags: vec!["judged".to_owned()],
        rule_ids: vec![id.to_owned()],
        ..AuditMetadata::default()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let socket = std::env::args().nth(1).ok_or("usage: judge-agent SOCKET")?;
    UdsAgentServerV2::new("judge", socket, Box::new(Judge)).run().await?;
    Ok(())
}

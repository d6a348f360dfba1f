//! A service that moves as many bytes as it is told to.

use bytes::Bytes;
use wsrpc::{Request, Response, Status, Stream, Streaming};

pub use crate::load_proto::{Block, load_client::LoadClient, load_server::LoadServer};
use crate::{load_proto::load_server::Load, many};

/// Answers as it is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mover;

/// A block of `len` bytes.
pub fn block(len: usize) -> Block {
    Block {
        payload: vec![0x5a; len].into(),
        ..Block::default()
    }
}

fn wanted(request: &Block) -> Result<Bytes, Status> {
    let len = usize::try_from(request.wanted).map_err(|e| Status::out_of_range(e.to_string()))?;
    Ok(block(len).payload)
}

impl Load for Mover {
    async fn unary(&self, request: Request<Block>) -> Result<Response<Block>, Status> {
        Ok(Response::new(Block {
            payload: wanted(&request)?,
            ..Block::default()
        }))
    }

    async fn download(
        &self,
        request: Request<Block>,
    ) -> Result<Response<impl Stream<Item = Result<Block, Status>> + Send>, Status> {
        let payload = wanted(&request)?;
        let block = Block {
            payload,
            ..Block::default()
        };
        Ok(Response::new(many::of(request.count, Ok(block))))
    }

    async fn upload(
        &self,
        mut request: Request<Streaming<Block>>,
    ) -> Result<Response<Block>, Status> {
        let mut count = 0;
        while request.message().await?.is_some() {
            count += 1;
        }
        Ok(Response::new(Block {
            count,
            ..Block::default()
        }))
    }
}

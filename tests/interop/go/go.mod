module wsrpc-interop

go 1.22.5

require (
	github.com/google/uuid v1.6.0
	github.com/gorilla/websocket v1.5.1
	github.com/smartcontractkit/wsrpc v0.8.2
	google.golang.org/protobuf v1.34.0
)

require (
	github.com/cenkalti/backoff v2.2.1+incompatible // indirect
	github.com/pkg/errors v0.9.1 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	go.uber.org/zap v1.26.0 // indirect
	golang.org/x/net v0.29.0 // indirect
	google.golang.org/grpc v1.62.1 // indirect
)

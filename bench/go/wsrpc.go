package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"net"

	"github.com/smartcontractkit/wsrpc"

	pb "wsrpc-bench/benchpb"
)

// wsrpcService is what the library's generator would make of the one method that it can serve: it has no streams.
var wsrpcService = wsrpc.ServiceDesc{
	ServiceName: "bench.Bench",
	Methods: []wsrpc.MethodDesc{{
		MethodName: "Echo",
		Handler: func(_ any, _ context.Context, decode func(any) error) (any, error) {
			body := new(pb.Body)
			err := decode(body)
			return body, err
		},
	}},
}

func serveWsrpc(connections int) (endpoint, error) {
	key, public, err := newKey()
	if err != nil {
		return endpoint{}, err
	}
	var clients []ed25519.PublicKey
	for i := range connections {
		clients = append(clients, wsrpcClientKey(i).Public().(ed25519.PublicKey))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return endpoint{}, err
	}
	// It says of every connection that it ends, also when the client's process does.
	log.SetOutput(io.Discard)
	server := wsrpc.NewServer(wsrpc.WithCreds(key, clients))
	server.RegisterService(&wsrpcService, nil)
	go server.Serve(listener)
	return endpoint{listener.Addr().String(), public}, nil
}

// wsrpcClientKey is of the client's connections' keys the one with this number. The library lets a key connect only
// once, and its server has to know them all beforehand.
func wsrpcClientKey(number int) ed25519.PrivateKey {
	seed := sha256.Sum256(fmt.Appendf(nil, "client %d of the benchmark", number))
	return ed25519.NewKeyFromSeed(seed[:])
}

func connectWsrpc(ctx context.Context, server endpoint, count int) ([]connection, error) {
	public, err := parseKey(server.key)
	if err != nil {
		return nil, err
	}
	return connectAll(count, func(number int) (connection, error) {
		client, err := wsrpc.DialWithContext(
			ctx, server.address, wsrpc.WithTransportCreds(wsrpcClientKey(number), public), wsrpc.WithBlock(),
		)
		if err != nil {
			return nil, err
		}
		return wsrpcConnection{client}, nil
	})
}

type wsrpcConnection struct{ client *wsrpc.ClientConn }

func (c wsrpcConnection) echo(ctx context.Context, body []byte) (int, error) {
	answer := new(pb.Body)
	err := c.client.Invoke(ctx, "Echo", &pb.Body{Body: body}, answer)
	return len(answer.GetBody()), err
}

package main

import (
	"crypto/ed25519"
	"crypto/tls"
	"net"
	"net/http"

	"github.com/gorilla/websocket"
	"github.com/smartcontractkit/wsrpc/credentials"
)

// A wiretap sits between a client and a server of the library, whose keys it has, and keeps what they send each other.
type wiretap struct {
	listener  net.Listener
	dialer    websocket.Dialer
	serverURL string
	// One WebSocket message each, in order. The reader takes them before the next call.
	requests, responses chan []byte
}

func newWiretap(client, server ed25519.PrivateKey, serverAddress string) (*wiretap, error) {
	towardsClient, err := tlsConfig(credentials.NewServerTLSConfig, server, client)
	if err != nil {
		return nil, err
	}
	towardsServer, err := tlsConfig(credentials.NewClientTLSConfig, client, server)
	if err != nil {
		return nil, err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", towardsClient)
	if err != nil {
		return nil, err
	}
	tap := &wiretap{
		listener:  listener,
		dialer:    websocket.Dialer{TLSClientConfig: towardsServer},
		serverURL: "wss://" + serverAddress,
		requests:  make(chan []byte, 1),
		responses: make(chan []byte, 1),
	}
	go http.Serve(listener, tap)
	return tap, nil
}

// tlsConfig is the library's own, for a side with the key ours that expects the peer with the key theirs.
func tlsConfig(
	side func(*credentials.PrivateKey, *credentials.PublicKeys) (*tls.Config, error),
	ours, theirs ed25519.PrivateKey,
) (*tls.Config, error) {
	private, err := credentials.ValidPrivateKeyFromEd25519(ours)
	if err != nil {
		return nil, err
	}
	public, err := credentials.ValidPublicKeysFromEd25519(theirs.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	return side(private, public)
}

func (w *wiretap) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	var upgrader websocket.Upgrader
	client, err := upgrader.Upgrade(response, request, nil)
	if err != nil {
		return
	}
	defer client.Close()
	server, _, err := w.dialer.Dial(w.serverURL, nil)
	if err != nil {
		return
	}
	defer server.Close()

	go forward(client, server, w.requests)
	forward(server, client, w.responses)
}

// forward passes messages on until one side ends, and then ends the other.
func forward(from, to *websocket.Conn, copies chan<- []byte) {
	defer to.Close()
	for {
		kind, message, err := from.ReadMessage()
		if err != nil {
			return
		}
		copies <- message
		if err := to.WriteMessage(kind, message); err != nil {
			return
		}
	}
}

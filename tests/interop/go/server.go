package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/smartcontractkit/wsrpc"
	"github.com/smartcontractkit/wsrpc/credentials"
	pb "github.com/smartcontractkit/wsrpc/examples/simple/ping"
	"github.com/smartcontractkit/wsrpc/peer"
)

func runServer(arguments []string) error {
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address to listen on")
	secret := secretFlag(flags)
	allow := publicListFlag(flags, "allow", "public keys that may connect, comma separated, or -")
	readLimit := flags.Int64("read-limit", 0, "longest message to read, in bytes; 0 for the library's default")
	if err := parseFlags(flags, arguments, "secret", "allow"); err != nil {
		return err
	}

	options := []wsrpc.ServerOption{wsrpc.WithCreds(*secret, *allow)}
	if *readLimit > 0 {
		options = append(options, wsrpc.WithWSReadLimit(*readLimit))
	}
	s := server{wsrpc.NewServer(options...)}
	pb.RegisterPingServer(s, pingService{behaviour{prefix: pong, callBack: s.gnipBack}})

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Println("listening", listener.Addr())
	go s.Serve(listener)
	return s.commands().serve(os.Stdin, os.Stdout)
}

type server struct{ *wsrpc.Server }

func (s server) commands() commands {
	return commands{
		verbs: map[string]command{
			"gnip": s.onPeer(call.one),
			"gnip-many": s.onPeer(func(c call, arguments string) (string, error) {
				return c.many(gnip, arguments)
			}),
			"gnip-size":  s.onPeer(call.size),
			"allow":      s.allow,
			"peers":      s.peers,
			"wait-peers": s.waitPeers,
		},
		last: "stop",
		end: func() error {
			s.Stop()
			return nil
		},
	}
}

// onPeer takes the peer to call off the front of a command's arguments.
func (s server) onPeer(run func(call, string) (string, error)) command {
	return func(arguments string) (string, error) {
		word, rest, _ := strings.Cut(arguments, " ")
		key, err := parsePublic(word)
		if err != nil {
			return "", err
		}
		onPeer := func(ctx context.Context, body string) (string, error) {
			ctx = peer.NewCallContext(ctx, credentials.StaticSizedPublicKey(key))
			return gnipCall(pb.NewGnipClient(s))(ctx, body)
		}
		return run(onPeer, rest)
	}
}

// gnipBack calls the peer whose call is being handled: ctx says which.
func (s server) gnipBack(ctx context.Context) (string, error) {
	return gnipCall(pb.NewGnipClient(s))(ctx, "from-ping")
}

func (s server) allow(arguments string) (string, error) {
	keys, err := parsePublicList(arguments)
	if err != nil {
		return "", err
	}
	return strconv.Itoa(len(keys)), s.UpdatePublicKeys(keys...)
}

func (s server) peers(string) (string, error) {
	var keys []string
	for _, key := range s.GetConnectedPeerPublicKeys() {
		keys = append(keys, key.String())
	}
	if len(keys) == 0 {
		return nobody, nil
	}
	slices.Sort(keys)
	return strings.Join(keys, ","), nil
}

// waitPeers takes `<n> <timeout-ms>` and returns when exactly n peers are connected.
func (s server) waitPeers(arguments string) (string, error) {
	wanted, rest, err := cutNumber(arguments)
	if err != nil {
		return "", err
	}
	timeout, _, err := cutTimeout(rest)
	if err != nil {
		return "", err
	}
	expired := time.After(timeout)
	for {
		// Taken before the look at the peers, so that no change goes unseen between the two.
		changed := s.GetConnectionNotifyChan()
		connected := len(s.GetConnectedPeerPublicKeys())
		if connected == wanted {
			return strconv.Itoa(wanted), nil
		}
		select {
		case <-changed:
		case <-expired:
			return "", fmt.Errorf("%d connected, not %d", connected, wanted)
		}
	}
}

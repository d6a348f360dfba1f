package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"

	pb "wsrpc-bench/benchpb"
)

// serveGrpc has grpc-go's defaults: its HTTP/2 windows grow with the link, and streams are not limited.
func serveGrpc(int) (endpoint, error) {
	key, public, err := newKey()
	if err != nil {
		return endpoint{}, err
	}
	config, err := tlsConfig(key, nil)
	if err != nil {
		return endpoint{}, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return endpoint{}, err
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)), grpc.MaxConcurrentStreams(math.MaxUint32))
	pb.RegisterBenchServer(server, grpcServer{})
	go func() { fail(server.Serve(listener)) }()
	return endpoint{listener.Addr().String(), public}, nil
}

type grpcServer struct {
	pb.UnimplementedBenchServer
}

func (grpcServer) Echo(_ context.Context, body *pb.Body) (*pb.Body, error) {
	return body, nil
}

func (grpcServer) Download(wanted *pb.Wanted, stream grpc.ServerStreamingServer[pb.Body]) error {
	message := &pb.Body{Body: make([]byte, wanted.Size)}
	for range wanted.Messages {
		if err := stream.Send(message); err != nil {
			return err
		}
	}
	return nil
}

func (grpcServer) EchoAll(stream grpc.BidiStreamingServer[pb.Body, pb.Body]) error {
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.Send(message); err != nil {
			return err
		}
	}
}

// connectGrpc makes a channel for each connection: grpc-go keeps one connection a channel.
func connectGrpc(ctx context.Context, server endpoint, count int) ([]connection, error) {
	public, err := parseKey(server.key)
	if err != nil {
		return nil, err
	}
	key, _, err := newKey()
	if err != nil {
		return nil, err
	}
	config, err := tlsConfig(key, public)
	if err != nil {
		return nil, err
	}
	options := grpc.WithTransportCredentials(credentials.NewTLS(config))
	return connectAll(count, func(int) (connection, error) {
		channel, err := grpc.NewClient("passthrough:"+server.address, options)
		if err != nil {
			return nil, err
		}
		channel.Connect()
		for state := channel.GetState(); state != connectivity.Ready; state = channel.GetState() {
			if state == connectivity.TransientFailure {
				// A call tells why.
				_, err := pb.NewBenchClient(channel).Echo(ctx, &pb.Body{})
				return nil, fmt.Errorf("the channel is not ready: %w", err)
			}
			channel.WaitForStateChange(ctx, state)
		}
		return grpcConnection{pb.NewBenchClient(channel)}, nil
	})
}

type grpcConnection struct{ stub pb.BenchClient }

func (c grpcConnection) echo(ctx context.Context, body []byte) (int, error) {
	answer, err := c.stub.Echo(ctx, &pb.Body{Body: body})
	return len(answer.GetBody()), err
}

func (c grpcConnection) download(ctx context.Context, size int, arrived func(int) error) error {
	stream, err := c.stub.Download(ctx, &pb.Wanted{Messages: math.MaxUint64, Size: uint64(size)})
	if err != nil {
		return err
	}
	return receive(stream, arrived)
}

func (c grpcConnection) echoAll(ctx context.Context, body []byte, arrived func(int) error) error {
	stream, err := c.stub.EchoAll(ctx)
	if err != nil {
		return err
	}
	go func() {
		message := &pb.Body{Body: body}
		// Why a stream ended is what receiving from it says.
		for stream.Send(message) == nil {
		}
	}()
	return receive(stream, arrived)
}

func receive(stream interface{ Recv() (*pb.Body, error) }, arrived func(int) error) error {
	for {
		message, err := stream.Recv()
		if err != nil {
			return err
		}
		if err := arrived(len(message.GetBody())); err != nil {
			return err
		}
	}
}

// The control plane of Kubernetes in one process: etcd, kube-apiserver and the controllers that a
// StatefulSet and a Job need, and the one that collects what belongs to nobody. Nothing is scheduled
// and no container is started.
//
// kube DIRECTORY: keeps everything there, writes DIRECTORY/kubeconfig, says "ready" on standard output
// when the API answers, and ends when its standard input does.
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/job"
	"k8s.io/kubernetes/pkg/controller/statefulset"
)

const startTimeout = 60 * time.Second

const kubeconfig = `apiVersion: v1
kind: Config
current-context: test
clusters: [{name: test, cluster: {server: %s, insecure-skip-tls-verify: true}}]
users: [{name: test, user: {token: %s}}]
contexts: [{name: test, context: {cluster: test, user: test}}]
`

func main() {
	if len(os.Args) < 2 {
		fail("usage: kube DIRECTORY [flags of kube-apiserver]", nil)
	}
	directory := os.Args[1]
	etcd := startEtcd(filepath.Join(directory, "etcd"))
	port := freePort()
	token := randomToken()
	go runAPIServer(directory, etcd, port, token, os.Args[2:])
	address := fmt.Sprintf("https://127.0.0.1:%d", port)
	awaitReady(address)
	config := filepath.Join(directory, "kubeconfig")
	must(os.WriteFile(config, []byte(fmt.Sprintf(kubeconfig, address, token)), 0o600))
	startControllers(config)
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}

// startEtcd returns the address for clients.
func startEtcd(directory string) string {
	config := embed.NewConfig()
	config.Dir = directory
	config.LogLevel = "error"
	// What is stored need not survive.
	config.UnsafeNoFsync = true
	clients := localURL()
	peers := localURL()
	config.ListenClientUrls = []url.URL{clients}
	config.AdvertiseClientUrls = []url.URL{clients}
	config.ListenPeerUrls = []url.URL{peers}
	config.AdvertisePeerUrls = []url.URL{peers}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	must(err)
	select {
	case <-etcd.Server.ReadyNotify():
	case <-time.After(startTimeout):
		fail("etcd does not start", nil)
	}
	return clients.String()
}

func runAPIServer(directory, etcd string, port int, token string, flags []string) {
	keyFile := filepath.Join(directory, "service-account.key")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	must(os.WriteFile(keyFile, pem.EncodeToMemory(block), 0o600))
	tokens := filepath.Join(directory, "tokens.csv")
	must(os.WriteFile(tokens, []byte(token+`,test,test,"system:masters"`+"\n"), 0o600))
	command := app.NewAPIServerCommand()
	command.SilenceUsage = true
	command.SetArgs(append([]string{
		"--etcd-servers=" + etcd,
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--cert-dir=" + filepath.Join(directory, "certificates"),
		"--token-auth-file=" + tokens,
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://test.invalid",
		"--service-account-key-file=" + keyFile,
		"--service-account-signing-key-file=" + keyFile,
		"--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112",
	}, flags...))
	fail("kube-apiserver has ended", command.Execute())
}

func awaitReady(address string) {
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		reply, err := client.Get(address + "/readyz")
		if err != nil {
			continue
		}
		reply.Body.Close()
		if reply.StatusCode == http.StatusOK {
			return
		}
	}
	fail("kube-apiserver does not get ready", nil)
}

func startControllers(config string) {
	ctx := context.Background()
	rest, err := clientcmd.BuildConfigFromFlags("", config)
	must(err)
	rest.QPS, rest.Burst = 100, 200
	client := kubernetes.NewForConfigOrDie(rest)
	factory := informers.NewSharedInformerFactory(client, 0)
	core := factory.Core().V1()
	apps := factory.Apps().V1()
	sets := statefulset.NewStatefulSetController(
		ctx, core.Pods(), apps.StatefulSets(), core.PersistentVolumeClaims(), apps.ControllerRevisions(), client)
	scheduling := factory.Scheduling().V1beta1()
	jobs, err := job.NewController(
		ctx, client, core.Pods(), factory.Batch().V1().Jobs(), scheduling.Workloads(), scheduling.PodGroups())
	must(err)
	started := make(chan struct{})
	collector, err := garbagecollector.NewGarbageCollector(
		ctx, client, metadata.NewForConfigOrDie(rest),
		restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery())),
		garbagecollector.DefaultIgnoredResources(),
		informerfactory.NewInformerFactory(factory, metadatainformer.NewSharedInformerFactory(metadata.NewForConfigOrDie(rest), 0)),
		started)
	must(err)
	factory.Start(ctx.Done())
	close(started)
	go sets.Run(ctx, 1)
	go jobs.Run(ctx, 1)
	go collector.Run(ctx, 1, startTimeout)
	go collector.Sync(ctx, client.Discovery(), 5*time.Second)
}

func localURL() url.URL {
	return url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", freePort())}
}

func freePort() int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func randomToken() string {
	bytes := make([]byte, 16)
	_, err := rand.Read(bytes)
	must(err)
	return hex.EncodeToString(bytes)
}

func must(err error) {
	if err != nil {
		fail("failed", err)
	}
}

func fail(what string, err error) {
	fmt.Fprintln(os.Stderr, what, err)
	os.Exit(1)
}
